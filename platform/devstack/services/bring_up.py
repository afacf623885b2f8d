"""Servers that run, with everything in them that the product needs."""

from collections.abc import Callable

from devstack.prepare import prepare
from devstack.stack import Stack


def bring_up(
    stack: Stack,
    *,
    new_ports: bool = False,
    tell: Callable[[str], None] = lambda line: None,
) -> None:
    """Start what does not run, then prepare what is not prepared. Idempotent.

    Raises:
        DevstackError: a server does not start; what this call started is stopped again.
    """
    with stack.locked():
        stack.start(new_ports=new_ports)
        prepare(stack, tell=tell)
