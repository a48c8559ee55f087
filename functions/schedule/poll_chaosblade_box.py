"""Every minute: what a ChaosBlade-Box has begun and ended becomes events on our bus."""

from dataclasses import asdict

from tandem.bootstrap import application


def handler(event: object, context: object) -> dict[str, object]:
    return asdict(application().poll_chaosblade_box())
