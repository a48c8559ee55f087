"""The local stack for tests: free ports, a directory of its own, over an engine that the test steers."""

import os
from pathlib import Path

from local.settings import Settings
from local.stack import LocalStack


def stack_over(
    engine_url: str, directory: Path, sync_seconds: int, database_url: str | None = None, **variables: str
) -> LocalStack:
    """A stack that uses the engine at ``engine_url`` and starts none; ``variables`` go before the environment's.

    Without ``database_url`` its database is SQLite in ``directory``.
    """
    return LocalStack(
        Settings(
            api_port=0,
            aws_port=0,
            engine_url=engine_url,
            start_engine=False,
            state_directory=directory,
            database_url=database_url,
            sync_seconds=sync_seconds,
            variables={**os.environ, **variables},
        )
    )
