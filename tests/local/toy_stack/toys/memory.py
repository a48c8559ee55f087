"""What the toy functions were called with, for the tests to look at through S3-free means: a list in the process."""

from typing import Any

CALLS: list[tuple[str, Any]] = []
