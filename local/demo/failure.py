"""Why a demo ends early."""

from __future__ import annotations


class DemoFailure(Exception):
    """Something that the demo needed did not happen; the message is a sentence for the user."""


class WrongOptions(DemoFailure):
    """The demo was asked for something that it cannot do; nothing was started, and no log is written."""
