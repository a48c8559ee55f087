"""Before new code serves: bring the schema up to date. A deployment calls it, and anybody may by hand."""

from dataclasses import asdict

from tandem.bootstrap import application
from tandem.triggers.custom_resource import deployment_step


@deployment_step
def handler() -> dict[str, str | None]:
    return asdict(application().migrate_database())
