"""The plan of a fleet migration: pure, from what control and shards say."""

import math
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from migrations_tools.fleet.errors import CanaryUnfit, InvalidBudget, InvalidWaves
from migrations_tools.fleet.states import Standing
from migrations_tools.fleet.types import (
    CANARY,
    FleetPlan,
    Group,
    GroupKey,
    Member,
    Placed,
    Row,
    ShardRows,
    Shares,
    Wave,
)

_ALL = 100.0
_STATES = {
    "creating": (Standing.SKIPPED, "it is half made; create_tenant finishes it"),
    "dropping": (Standing.SKIPPED, "it is being dropped"),
    "moving": (Standing.WAITING, "it is moving to another shard"),
}
_PHASES = {
    "incoming": (Standing.WRONG, "its schema was never opened; see check_drift"),
    "fenced": (Standing.WAITING, "its schema is fenced: a move is under way"),
    "sealed": (Standing.WRONG, "its schema is sealed here: it lives elsewhere, or was restored"),
    "tombstone": (Standing.WRONG, "its schema is being dropped here"),
}


def plan_fleet(  # noqa: PLR0913 - what a plan is made of
    placed: Iterable[Placed],
    shards: Mapping[str, ShardRows],
    *,
    wanted: str,
    left_alone: Mapping[str, str],
    shares: Shares,
    put_off: Mapping[str, str] = MappingProxyType({}),
) -> FleetPlan:
    """Say for each schema where it stands, and in which wave it is taken.

    `shards` has what each shard says; `left_alone` those that are skipped for reasons of upper
    layers, `put_off` those that a later run is to take if they are behind. Equal input gives an
    equal plan, so that one of before a crash goes on where it was.

    Raises:
        CanaryUnfit: one was named who cannot be taken.
    """
    members = tuple(
        _later(
            judge(
                one,
                shards.get(one.shard),
                wanted=wanted,
                why_not=left_alone.get(one.tenant_id, ""),
            ),
            put_off.get(one.tenant_id, ""),
        )
        for one in placed
    )
    # Who is level went first already, in a run before.
    if unfit := {
        one.tenant_id: one.why
        for one in members
        if one.tenant_id in shares.canaries
        and one.standing not in (Standing.BEHIND, Standing.LEVEL)
    }:
        raise CanaryUnfit(unfit)
    behind = [member for member in members if member.standing is Standing.BEHIND]
    return FleetPlan(
        wanted=wanted,
        members=members,
        groups=group(behind),
        waves=cut(behind, shares),
    )


def judge(one: Placed, shard: ShardRows | None, *, wanted: str, why_not: str) -> Member:
    """Where one schema stands. What control decides comes before what the shard says."""

    def stands(standing: Standing, why: str = "", key: GroupKey | None = None) -> Member:
        return Member(one.tenant_id, one.shard, one.schema, standing, key, why)

    if one.state in _STATES:
        return stands(*_STATES[one.state])
    if why_not:
        return stands(Standing.SKIPPED, why_not)
    if shard is None:
        return stands(Standing.WAITING, f"shard {one.shard} has no address on this machine")
    if shard.away:
        return stands(Standing.WAITING, f"shard {one.shard} is away: {shard.away}")
    row = shard.rows.get(one.schema)
    if row is None:
        return stands(Standing.WRONG, f"shard {one.shard} has no such schema; see check_drift")
    if row.phase in _PHASES:
        return stands(*_PHASES[row.phase])
    if row.unfinished:
        return stands(
            Standing.WRONG,
            f"{row.unfinished} was cut off in it: undo the half that is there, then clear its mark "
            "(docs/how-to/migrate-the-fleet.md)",
        )
    key = _key(row, shard.major)
    # Who has all migrations and was never measured was cut off before the end of the last one, or
    # is older than measuring.
    if row.digest == wanted and key.fingerprint:
        return stands(Standing.LEVEL, key=key)
    return stands(Standing.BEHIND, key=key)


def _later(member: Member, why: str) -> Member:
    """The same, to be taken by a later run if it is behind and there is a reason for that."""
    if not why or member.standing is not Standing.BEHIND:
        return member
    return replace(member, standing=Standing.WAITING, key=None, why=why)


def group(members: Iterable[Member]) -> tuple[Group, ...]:
    """Those that need the same together, the largest group first."""
    found: dict[GroupKey, list[Member]] = defaultdict(list)
    for member in members:
        if member.key is not None:
            found[member.key].append(member)
    groups = [Group(key, tuple(some)) for key, some in found.items()]
    return tuple(sorted(groups, key=lambda one: (-len(one.members), one.key)))


def cut(members: Sequence[Member], shares: Shares) -> tuple[Wave, ...]:
    """Cut `members` into waves: canaries first, then each share of every shard.

    A share is of each shard, so that a wave tries all of them and keeps all of them busy. Within
    a shard the order looks random, is the same each time, and so has nothing to do with age.
    """
    ordered = sorted(members, key=lambda one: (zlib.crc32(one.tenant_id.encode()), one.tenant_id))
    first = _canaries(ordered, shares)
    waves = [Wave(CANARY, tuple(first))] if first else []
    taken = {one.tenant_id for one in first}
    by_shard: dict[str, list[Member]] = defaultdict(list)
    for member in ordered:
        if member.tenant_id not in taken:
            by_shard[member.shard].append(member)
    done = dict.fromkeys(by_shard, 0)
    for percent in shares.percents:
        part: list[Member] = []
        for shard, queue in by_shard.items():
            upto = math.ceil(len(queue) * percent / _ALL)
            part += queue[done[shard] : upto]
            done[shard] = max(done[shard], upto)
        if part:
            waves.append(Wave(f"{percent:g}%", tuple(part)))
    return tuple(waves)


def read_waves(text: str) -> tuple[float, ...]:
    """The shares of `--waves 1%,10%,100%`.

    Raises:
        InvalidWaves: they do not rise to 100 %.
    """
    percents = []
    for word in text.split(","):
        try:
            percents.append(float(word.strip().removesuffix("%")))
        except ValueError:
            raise InvalidWaves(text, f"{word.strip()!r} is no share") from None
    if any(not 0 < percent <= _ALL for percent in percents):
        raise InvalidWaves(text, "a share is more than 0 % and at most 100 %")
    if sorted(set(percents)) != percents:
        raise InvalidWaves(text, "each share must be larger than the one before")
    if percents[-1] != _ALL:
        raise InvalidWaves(text, "the last wave must be 100 %")
    return tuple(percents)


def read_budget(text: str, *, behind: int) -> int:
    """How many schemas may fail, of `behind`: `10`, or `2%` of them, rounded up.

    Raises:
        InvalidBudget: it is neither.
    """
    word = text.strip()
    try:
        if word.endswith("%"):
            share = float(word.removesuffix("%"))
            if not 0 <= share <= _ALL:
                raise InvalidBudget(text)
            return math.ceil(behind * share / _ALL)
        number = int(word)
    except ValueError:
        raise InvalidBudget(text) from None
    if number < 0:
        raise InvalidBudget(text)
    return number


def _canaries(ordered: Sequence[Member], shares: Shares) -> list[Member]:
    if shares.canaries:
        return [one for one in ordered if one.tenant_id in shares.canaries]
    if not shares.canary:
        return []
    first: dict[GroupKey | None, Member] = {}
    for member in ordered:
        first.setdefault(member.key, member)
    return list(first.values())


def _key(row: Row, major: int) -> GroupKey:
    # A state that was written on another major was measured by other rules.
    known = row.fingerprint if row.major == major else None
    return GroupKey(row.digest or "", known or "", major)
