"""The environment variables of the functions and of boto3 in this process."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Mapping

import boto3

from local.resolve import REGION

FIS_ENDPOINT = "AWS_ENDPOINT_URL_FIS"
"""The one variable of AWS's that the user may set: another FIS, such as a proxy before ours that refuses or loses."""


def aws_environment(endpoint: str, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The AWS_* variables of the functions: our endpoint, made-up credentials, and no file of the user's.

    ``given`` is the user's environment, of which FIS_ENDPOINT is kept.
    """
    own = {FIS_ENDPOINT: given[FIS_ENDPOINT]} if given and given.get(FIS_ENDPOINT) else {}
    return own | {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_SESSION_TOKEN": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "MOTO_PORT": endpoint.rsplit(":", 1)[-1],
    }


@contextlib.contextmanager
def process_environment(variables: Mapping[str, str]) -> Iterator[None]:
    """Sets variables and removes every other AWS_* one, for all of this process; restores them at the end."""
    before = dict(os.environ)
    for name in before:
        if name.startswith("AWS_"):
            del os.environ[name]
    os.environ.update(variables)
    # A proxy that the user's shell names must not see calls to this machine.
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1,localhost"
    boto3.DEFAULT_SESSION = None
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        boto3.DEFAULT_SESSION = None
