"""The 30-second sync of everything that is not settled."""

from dataclasses import asdict

from tandem.bootstrap import application


def handler(event: object, context: object) -> dict[str, object]:
    return asdict(application().sync_tasks())
