"""Where commands meet the services: errors become messages and exit codes."""

from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django.core.management.base import CommandError
from django.db.utils import DatabaseError

from migrations_tools.errors import MigrationToolsError
from sharding.placements.errors import PlacementError
from sharding.registry.errors import RegistryError
from sharding.schemas.errors import SchemaError
from sharding.scope import ScopeError
from tenants.errors import (
    InvalidDomain,
    InvalidRequest,
    InvalidSlug,
    ProvisionFailed,
    TenantError,
)
from tenants.outages import is_outage

FAILED: Final = 1
USAGE: Final = 2
PAUSED: Final = 3

_OURS = (
    TenantError,
    PlacementError,
    SchemaError,
    RegistryError,
    MigrationToolsError,
    ScopeError,
)


@contextmanager
def errors_told() -> Iterator[None]:
    """Turn what the services raise into CommandError; what is nobody's fault stays a traceback.

    Raises:
        CommandError: 1 failed, 2 wrong input, 3 half done and to be run again.
    """
    try:
        yield
    except _OURS as error:
        raise CommandError(str(error), returncode=_exit_code(error)) from error
    except DatabaseError as error:
        if not is_outage(error):
            raise
        raise CommandError(
            f"A server does not answer: {str(error).strip()}. `manage.py list_shards` and "
            "`manage.py devstack status` show which; try again when it is back.",
            returncode=FAILED,
        ) from error


def add_json(parser: ArgumentParser) -> None:
    """The option that all commands have which print something to be read."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_dry_run(parser: ArgumentParser) -> None:
    """The option that all commands have which change something."""
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and do nothing"
    )


def _exit_code(error: Exception) -> int:
    match error:
        case InvalidSlug() | InvalidDomain() | InvalidRequest():
            return USAGE
        case ProvisionFailed():
            return PAUSED
        case _:
            return FAILED
