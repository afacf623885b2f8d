"""Bring control's reference tables to the shards, and say which shard has what."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import psycopg

from sharding.placements.errors import NoSuchShard
from sharding.placements.models import CONTROL, Shard
from sharding.placements.services.reference_snapshots import (
    TableChange,
    changes_since,
    digest_of,
    look,
    newest_mark,
    newest_snapshot,
    take_snapshot,
)
from sharding.placements.states import ShardState
from sharding.pools.outages import in_one_line
from sharding.registry.current import registry
from sharding.registry.types import Server
from sharding.schemas.connections import Connection
from sharding.schemas.errors import SchemaError, ServerUnreachable
from sharding.schemas.services.reference_snapshot import (
    Application,
    AppliedSnapshot,
    Snapshot,
    apply_snapshot,
    read_applied,
    read_applied_through,
)

NO_ADDRESS: Final = "it has no address in this machine's registry"

_AT_ONCE: Final = 20
_STRANGE: Final = (
    "it has a snapshot {} that control does not know: was control restored from a backup? "
    "`manage.py publish_reference --number-anew` brings it in step"
)


@dataclass(frozen=True, slots=True)
class ShardOutcome:
    """One shard and the snapshot that it has.

    Attributes:
        before, after: versions; None where the shard did not say.
        problem: why it does not have the newest; empty when all is well.
        code: of the error behind it, where there is one.
    """

    shard: str
    before: int | None
    after: int | None
    written: int = 0
    deleted: int = 0
    problem: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Publication:
    """What publishing does, or would do: the same object for both.

    Attributes:
        version: of the newest snapshot; 0 where there are no reference tables.
        is_new: control's rows had changed, so a snapshot was taken (or would be).
        changes: since the snapshot before; empty when it is not new.
    """

    version: int
    is_new: bool
    changes: tuple[TableChange, ...]
    shards: tuple[ShardOutcome, ...]

    @property
    def problems(self) -> tuple[ShardOutcome, ...]:
        """The shards that do not have the newest snapshot."""
        return tuple(outcome for outcome in self.shards if outcome.problem)


def publish_reference(
    *, shards: Iterable[str] = (), dry_run: bool = False, number_anew: bool = False
) -> Publication:
    """Bring control's reference tables, as they are now, to all shards or to those named.

    A shard that is away is reported; it gets what is newest by the next publishing, and a tenant's
    schema is never built on it without. After control was restored from a backup, shards may have
    snapshots that it does not know: with `number_anew` it goes on above their numbers.

    Transaction: one on control, one per shard; forbids an open one on control.
    Idempotent: what has not changed gets no new version, and a shard that has it is left alone.

    Raises:
        NoSuchShard: nothing was changed.
    """
    wanted = servers_of(shards)
    before = newest_snapshot()
    if dry_run:
        found = look()
        is_new = bool(found) if before is None else digest_of(found) != before.digest
        version = before.version if before is not None else 0
        changes = changes_since(before, found) if is_new else ()
        return Publication(version, is_new, changes, reference_status(shards))
    ahead = reference_status(shards) if number_anew else ()
    taken = take_snapshot(above=max((one.after or 0 for one in ahead), default=0))
    if taken is None:
        return Publication(0, is_new=False, changes=(), shards=())
    is_new = before is None or before.version < taken.version
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        answers = list(pool.map(lambda server: _bring(server, taken), wanted.values()))
    newest = newest_mark()
    outcomes = tuple(
        _outcome(name, answer, newest) for name, answer in zip(wanted, answers, strict=True)
    )
    changes = changes_since(before, taken.tables) if is_new else ()
    return Publication(taken.version, is_new, changes, outcomes)


def bring_newest(server: Server, *, through: Connection | None = None) -> Application | None:
    """Bring control's reference tables, as they are now, to one shard; None if there are none.

    For whoever is about to make tables there that refer to them. Where they have an owner
    connection already, it is asked `through` that one, and another is made only to write.

    Raises:
        SchemaError: as apply_snapshot does; nothing was changed on the shard.
    """
    taken = take_snapshot()
    if taken is None:
        return None
    if through is not None:
        there = read_applied_through(through, server)
        if there.version >= taken.version:
            return Application(there.version, there.version, there.digest)
    return apply_snapshot(server, taken)


def lags(server: Server) -> bool:
    """Whether the shard has other reference tables than control, or cannot say."""
    found = look()
    if not found:
        return False
    try:
        return read_applied(server).digest != digest_of(found)
    except SchemaError:
        return True


def reference_status(shards: Iterable[str] = ()) -> tuple[ShardOutcome, ...]:
    """Which version each shard has, all asked at once, and what is wrong with those that lag.

    Raises:
        NoSuchShard: one of the names is no shard's.
    """
    wanted = servers_of(shards)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        answers = list(pool.map(_ask, wanted.values()))
    # After the answers: what a shard got meanwhile is no surprise then.
    newest = newest_mark()
    return tuple(_judge(name, answer, newest) for name, answer in zip(wanted, answers, strict=True))


def problem_of(error: Exception) -> str:
    """Why a shard did not do as asked, on one line that stands after its name."""
    if isinstance(error, ServerUnreachable):
        return f"away: {error.reason}"
    return in_one_line(error)


def servers_of(shards: Iterable[str]) -> dict[str, Server | None]:
    """Those that can have tenants; a shard that is being prepared gets the newest at its end."""
    rows = Shard.objects.using(CONTROL).exclude(state=ShardState.PREPARING).order_by("name")
    known = list(rows.values_list("name", flat=True))
    wanted = set(shards) or set(known)
    if unknown := wanted - set(known):
        raise NoSuchShard(sorted(unknown), known=known)
    addresses = registry().shards
    return {name: addresses.get(name) for name in known if name in wanted}


def _bring(server: Server | None, snapshot: Snapshot) -> Application | Exception | None:
    """In a thread of its own, which asks the shard and nobody else."""
    if server is None:
        return None
    try:
        return apply_snapshot(server, snapshot)
    except (SchemaError, psycopg.Error) as error:
        return error


def _outcome(
    name: str, answer: Application | Exception | None, newest: tuple[int, str]
) -> ShardOutcome:
    if answer is None:
        return ShardOutcome(name, None, None, problem=NO_ADDRESS)
    if isinstance(answer, Exception):
        code = getattr(answer, "code", "")
        return ShardOutcome(name, None, None, problem=problem_of(answer), code=code)
    problem = _strange(answer.after, answer.digest, newest)
    return ShardOutcome(name, answer.before, answer.after, answer.written, answer.deleted, problem)


def _ask(server: Server | None) -> AppliedSnapshot | str:
    if server is None:
        return NO_ADDRESS
    try:
        return read_applied(server)
    except SchemaError as error:
        return problem_of(error)


def _judge(name: str, answer: AppliedSnapshot | str, newest: tuple[int, str]) -> ShardOutcome:
    if isinstance(answer, str):
        return ShardOutcome(name, None, None, problem=answer)
    has = answer.version
    problem = _strange(has, answer.digest, newest)
    if has < newest[0]:
        problem = f"it has snapshot {has} of {newest[0]}"
    return ShardOutcome(name, has, has, problem=problem)


def _strange(version: int, digest: str, newest: tuple[int, str]) -> str:
    """What to say of a shard that has what control never took, so far as it remembers."""
    if version > newest[0] or (version == newest[0] and digest != newest[1]):
        return _STRANGE.format(version)
    return ""
