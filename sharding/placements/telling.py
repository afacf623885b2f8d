"""Where commands meet the services: errors become messages and exit codes."""

import logging
import os
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import IntEnum
from pathlib import Path
from types import MappingProxyType
from typing import Final

import psycopg
from django.core.management.base import CommandError
from django.db import DatabaseError

from sharding.placements.errors import (
    HoldNeedsReason,
    InvalidShardName,
    NoProcessGroups,
    NoSuchPlacement,
    NoSuchShard,
    PlacementError,
    ProcessesBehind,
)
from sharding.pools.errors import NoConnectionFree, PoolsError, ShardAway
from sharding.pools.outages import as_sentence, causes, says_away
from sharding.pools.pgbouncer.errors import NotConfigurable, PgBouncerError
from sharding.registry.current import ENVIRONMENT_VARIABLE
from sharding.registry.errors import RegistryError, UnknownShard
from sharding.schemas.errors import NotFitToBeShard, PreparationFailed, SchemaError
from sharding.scope import ScopeError
from sharding.typed_settings import InvalidSettings


class Exit(IntEnum):
    """Exit statuses of commands; 0 is done."""

    FAILED = 1
    """Nothing was changed, or what the message says."""

    USAGE = 2
    """Wrong input: words that never succeed, or a name (shard, tenant, domain) that is nowhere."""

    PAUSED = 3
    """Half done; the message says how to go on."""


ExitCodes = Mapping[type[Exception], Exit]

_CODES: Final[ExitCodes] = MappingProxyType(
    {
        PlacementError: Exit.FAILED,
        InvalidShardName: Exit.USAGE,
        HoldNeedsReason: Exit.USAGE,
        NoSuchPlacement: Exit.USAGE,
        NoSuchShard: Exit.USAGE,
        NoProcessGroups: Exit.USAGE,
        ProcessesBehind: Exit.PAUSED,
        InvalidSettings: Exit.USAGE,
        PoolsError: Exit.FAILED,
        PgBouncerError: Exit.FAILED,
        NotConfigurable: Exit.USAGE,
        SchemaError: Exit.FAILED,
        PreparationFailed: Exit.PAUSED,
        NotFitToBeShard: Exit.FAILED,
        RegistryError: Exit.FAILED,
        UnknownShard: Exit.USAGE,
        ScopeError: Exit.FAILED,
    }
)


_NOT_THERE: Final = frozenset({"42P01", "42703"})
"""No such table, no such column."""

_advisers: list[Callable[[], str]] = []
_explainers: list[Callable[[], str]] = []


def advise_on_outages(adviser: Callable[[], str]) -> None:
    """Have `adviser` asked what to do when a server does not answer; it may have no word to say."""
    _advisers.append(adviser)


def explain_what_is_not_there(explainer: Callable[[], str]) -> None:
    """Have `explainer` asked why a table or column is not there; it may have no word to say.

    With a word it becomes the command's message, without one the error stays a traceback.
    """
    _explainers.append(explainer)


@contextmanager
def errors_told(more: ExitCodes = MappingProxyType({})) -> Iterator[None]:
    """Turn what the services raise into CommandError; what is nobody's fault stays a traceback.

    more: errors of upper layers, with their exit codes; the nearest class decides.

    Raises:
        CommandError: with the service's own message, that a server does not answer, or why a
            table is not there.
    """
    codes = {**_CODES, **more}
    try:
        with _pools_silent():
            yield
    except tuple(codes) as error:
        nearest = next(each for each in type(error).__mro__ if each in codes)
        raise CommandError(str(error), returncode=codes[nearest]) from error
    except DatabaseError as error:
        told = _outage(error) if says_away(error) else _why_not_there(error)
        if not told:
            raise
        raise CommandError(told, returncode=Exit.FAILED) from error


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """SIGTERM ends what is done in the block as Ctrl-C does, so that it can put itself in order."""
    try:
        before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    except ValueError:  # not the main thread: whoever started it sees to signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def registry_file_to_write() -> Path:
    """The registry file that a command is to change.

    Raises:
        CommandError: none is named.
    """
    path = os.environ.get(ENVIRONMENT_VARIABLE)
    if not path:
        raise CommandError(
            f"Set {ENVIRONMENT_VARIABLE} to the registry file to write to.", returncode=Exit.USAGE
        )
    return Path(path)


def _outage(error: DatabaseError) -> str:
    named = (each for each in causes(error) if isinstance(each, ShardAway | NoConnectionFree))
    name = next((each.server for each in named), "")
    words = [
        f"A server does not answer: {as_sentence(str(error))}",
        "What was done before that stays; run the same command again when it is back.",
        *(adviser() for adviser in _advisers),
    ]
    # Without control it could not tell which shards there are.
    if name == "control":
        words.append("What to do: docs/runbooks/control-down.md.")
    else:
        words.append("`manage.py list_shards` shows which are away; docs/runbooks/shard-down.md.")
    return " ".join(filter(None, words))


def _why_not_there(error: DatabaseError) -> str:
    states = {each.sqlstate for each in causes(error) if isinstance(each, psycopg.Error)}
    if not states & _NOT_THERE:
        return ""
    return next(filter(None, (explainer() for explainer in _explainers)), "")


@contextmanager
def _pools_silent() -> Iterator[None]:
    """A pool's warnings say, in a line of a log, what the command itself is about to say."""
    logger = logging.getLogger("psycopg.pool")
    silence = _ErrorsOnly()
    # Its own object each time: commands that overlap in threads would hand each other's level on.
    logger.addFilter(silence)
    try:
        yield
    finally:
        logger.removeFilter(silence)


class _ErrorsOnly(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR
