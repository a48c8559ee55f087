"""The error of the stack as a whole; those of its parts stand beside them."""


class StackError(Exception):
    """The stack cannot start or does not become ready; the message says why in one sentence."""
