"""Errors of services as errors of commands: one line that says what to do, and exit status 1."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from django.db import OperationalError

from sharding.placements.errors import PlacementError
from sharding.registry.errors import RegistryError
from sharding.schemas.errors import SchemaError


@contextmanager
def errors_told() -> Iterator[None]:
    """Turn what a command may expect to go wrong into a CommandError.

    Raises:
        CommandError: with the service's own message, or that control does not answer.
    """
    try:
        yield
    except (SchemaError, PlacementError, RegistryError) as error:
        raise CommandError(str(error)) from error
    except OperationalError as error:
        why = " ".join(str(error).split())
        raise CommandError(
            f"The control database does not answer: {why}. What was done before that stays; run "
            "the same command again when it is back."
        ) from error
