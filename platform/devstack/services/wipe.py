"""Start from nothing."""

from devstack.stack import Stack


def wipe(stack: Stack) -> None:
    """Shut the servers down and delete their data, ports and passwords. Idempotent."""
    stack.destroy()
