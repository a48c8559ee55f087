"""Which libraries a function needs: those of its own layer, and those of the adapters that it can come to."""

from pathlib import Path

from tests.architecture.code_permissions import PROJECT, adapters_of

LOGGER = "aws_lambda_powertools"
MODELS = "pydantic"
# The longest name that fits counts. What is imported only when it is used (boto3, numpy, Alembic, the reader of
# multipart bodies) is no part of a function's start.
LIBRARIES_OF_ADAPTER = {
    "tandem.adapters.aws": {"botocore.exceptions"},
    "tandem.adapters.database": {"sqlalchemy.dialects.mysql.pymysql", "pymysql", MODELS},
    "tandem.adapters.database.connections": {"sqlalchemy.dialects.mysql.pymysql", "pymysql"},
    "tandem.adapters.database.schema": {"sqlalchemy", MODELS},
    "tandem.adapters.engine": {"httpcore", MODELS},
    "tandem.adapters.engine.settings": set(),
    "tandem.adapters.jmx": set(),
    "tandem.adapters.jtl": set(),
    "tandem.adapters.pages": set(),
    "tandem.adapters.zip_archive": set(),
}
# pydantic loads itself only when a model is made.
STATEMENT_OF = {
    LOGGER: "from aws_lambda_powertools import Logger\nLogger(service='floor')",
    MODELS: "from pydantic import BaseModel\nclass Model(BaseModel):\n    text: str",
}
LIBRARIES_OF_KIND = {
    "api": {MODELS},
    "events": {MODELS},
    "operations": set[str](),
    "schedule": {MODELS},
    "workflow": {MODELS},
}


def handler_file(handler: str) -> Path:
    """The file of a handler as template.yaml names it."""
    return PROJECT / "functions" / (handler.rpartition(".")[0].replace(".", "/") + ".py")


def libraries_of(handler: str) -> frozenset[str]:
    """The modules of libraries whose import a function needs to start, before it is asked anything."""
    needed = {LOGGER} | LIBRARIES_OF_KIND[handler.partition(".")[0]]
    for module in adapters_of(handler_file(handler)):
        owner = max((name for name in LIBRARIES_OF_ADAPTER if f"{module}.".startswith(f"{name}.")), key=len)
        needed |= LIBRARIES_OF_ADAPTER[owner]
    return frozenset(needed)


def imports_of(libraries: frozenset[str]) -> str:
    """The statements of a program that does nothing but to load these libraries."""
    return "\n".join(STATEMENT_OF.get(name, f"import {name}") for name in sorted(libraries))
