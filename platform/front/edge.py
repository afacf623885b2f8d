"""What the commands of the public host have in common."""

from collections.abc import Iterator
from contextlib import contextmanager

from front.errors import FrontError, UnknownSignUp
from sharding.placements import telling
from sharding.placements.telling import Exit
from tenants import edge


@contextmanager
def errors_told() -> Iterator[None]:
    """Turn what the services raise into CommandError."""
    codes = {FrontError: Exit.FAILED, UnknownSignUp: Exit.USAGE}
    with edge.errors_told(), telling.errors_told(codes):
        yield
