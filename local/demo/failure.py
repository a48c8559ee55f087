"""Why a demo ends early."""

from __future__ import annotations


class DemoFailure(Exception):
    """Something that the demo needed did not happen; the message is a sentence for the user."""
