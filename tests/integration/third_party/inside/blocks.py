"""A block that is rolled back at its end."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction


class Undone(Exception):
    """Ends the block."""


@contextmanager
def rolled_back() -> Iterator[None]:
    """A bare `atomic()` on `default`, as libraries write it, which fails at its end."""
    with pytest.raises(Undone), transaction.atomic():
        yield
        raise Undone
