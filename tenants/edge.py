"""What all commands about tenants have in common."""

from argparse import ArgumentParser
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Final

from django.core.management.base import BaseCommand

from migrations_tools.errors import MigrationToolsError
from sharding.moves.errors import MoveError, MoveOnHold, NoSuchMove
from sharding.placements import telling
from sharding.placements.telling import Exit, ExitCodes
from sharding.rebalance.errors import InvalidCapacity, InvalidGroup, RebalanceError
from tenants.catalog.errors import NoSuchRow
from tenants.errors import (
    InvalidDomain,
    InvalidName,
    InvalidRequest,
    InvalidSlug,
    ProvisionFailed,
    TenantError,
    UnknownDomain,
    UnknownPlan,
    UnknownSlug,
)
from tenants.outbox.errors import UnknownTopic
from tenants.services.errors import (
    InvalidList,
    NotConfirmed,
    NothingToConfirm,
    PurgeFailed,
    ReattachFailed,
    RestoreFailed,
)
from tenants.services.types import AUTO

_CODES: Final[ExitCodes] = {
    TenantError: Exit.FAILED,
    InvalidSlug: Exit.USAGE,
    InvalidDomain: Exit.USAGE,
    InvalidList: Exit.USAGE,
    InvalidName: Exit.USAGE,
    InvalidRequest: Exit.USAGE,
    UnknownPlan: Exit.USAGE,
    NoSuchRow: Exit.USAGE,
    NotConfirmed: Exit.USAGE,
    NothingToConfirm: Exit.USAGE,
    UnknownDomain: Exit.USAGE,
    UnknownSlug: Exit.USAGE,
    UnknownTopic: Exit.USAGE,
    ProvisionFailed: Exit.PAUSED,
    PurgeFailed: Exit.PAUSED,
    ReattachFailed: Exit.PAUSED,
    RestoreFailed: Exit.FAILED,
    MigrationToolsError: Exit.FAILED,
    MoveError: Exit.FAILED,
    NoSuchMove: Exit.USAGE,
    MoveOnHold: Exit.PAUSED,
    RebalanceError: Exit.FAILED,
    InvalidCapacity: Exit.USAGE,
    InvalidGroup: Exit.USAGE,
}


def errors_told() -> AbstractContextManager[None]:
    """Turn what the services raise into CommandError; see `sharding.placements.telling`."""
    return telling.errors_told(_CODES)


def progress_of(command: BaseCommand) -> Callable[[str], None]:
    """What services tell their progress to: stderr, since stdout is for what was asked for."""
    return lambda line: command.stderr.write(line, command.style.HTTP_INFO)


def add_json(parser: ArgumentParser) -> None:
    """The option that all commands have which print something to be read."""
    parser.add_argument("--json", action="store_true", help="print JSON")


def add_domains(parser: ArgumentParser) -> None:
    """The option of all commands after which there is a tenant that control did not know."""
    parser.add_argument(
        "--domain", action="append", default=[], help="a further host; may be given often"
    )


def add_place(parser: ArgumentParser, *, labels_default: str = "") -> None:
    """The options of all commands that make a tenant: its further hosts, and where it lives.

    labels_default: in words; empty: it needs none.
    """
    add_domains(parser)
    parser.add_argument("--shard", default=AUTO, metavar="auto|NAME", help="where it will live")
    said = f" (default: {labels_default})" if labels_default else " (`pin_tenant`)"
    parser.add_argument(
        "--label",
        action="append",
        default=[],
        metavar="NAME",
        help=f"only on shards that have it, now and later{said}; may be given often",
    )


def add_dry_run(parser: ArgumentParser) -> None:
    """The option that all commands have which change something."""
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would be done, and do nothing"
    )
