"""Say how much a shard bears, and what it has that tenants may need."""

import re
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from django.db import transaction

from sharding.placements.models import CONTROL, Shard
from sharding.placements.services.audit import record_audit
from sharding.placements.services.shards import find_shard
from sharding.rebalance.errors import InvalidCapacity

Number = TypeVar("Number", int, float)

UNSAID: Final = "none"
"""What somebody types to take back what was said."""

_LABEL: Final = re.compile(r"[a-z][a-z0-9-]{0,59}")
_SIZE: Final = re.compile(r"(\d+(?:\.\d+)?)\s*([kMGT]?B?)")
_UNITS: Final = {"": 1, "B": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_MOST: Final = 10**18


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody typed; empty: nothing of that."""

    bytes: str = ""
    load: str = ""
    tenants: str = ""
    weight: str = ""
    moves: str = ""
    labels: str = ""


@dataclass(frozen=True, slots=True)
class CapacityChange:
    """What is said of a shard, before and after. None: nobody said."""

    shard: str
    before: dict[str, Any]
    after: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {"shard": self.shard, "before": self.before, "after": self.after}


def set_capacity(name: str, wish: Wish, *, dry_run: bool = False) -> CapacityChange:
    """Say how much shard `name` bears, and what it has. Nobody is moved by this.

    What is full already stays so; who needs a label that it has no more leaves with a rebalance.

    Locks: the shard's row.
    Transaction: opens one on control.
    Idempotent.

    Raises:
        NoSuchShard, InvalidCapacity: nothing was changed.
    """
    changes = _read(wish)
    with transaction.atomic(using=CONTROL):
        shard = find_shard(name, lock=True)
        before = _facts(shard)
        for field, value in changes.items():
            setattr(shard, field, value)
        done = CapacityChange(name, before, _facts(shard))
        if not dry_run and done.before != done.after:
            shard.save(using=CONTROL, update_fields=list(changes))
            record_audit("shard.capacity", name, before=done.before, after=done.after)
    return done


def bytes_typed(typed: str) -> int:
    """The bytes that somebody typed, such as `500GB`.

    Raises:
        InvalidCapacity: it is no size.
    """
    return int(_or_refuse(typed, _bytes, "a number of bytes", "a size such as 500GB"))


def _read(wish: Wish) -> dict[str, Any]:
    read: dict[str, Any] = {}
    if wish.bytes:
        read["capacity_bytes"] = _none_or(wish.bytes, _bytes, "its bytes", "a size such as 500GB")
    if wish.load:
        read["capacity_load"] = _none_or(
            wish.load, _above_nothing, "its load", "statements at a time, such as 8"
        )
    if wish.tenants:
        read["role_cap"] = _none_or(
            wish.tenants, _count, "its tenants", "a whole number from 1 to 1000000"
        )
    if wish.weight:
        read["weight"] = _or_refuse(
            wish.weight, _weight, "its weight", "a number from 0 to 1000, such as 1"
        )
    if wish.moves:
        read["moves_at_once"] = _or_refuse(
            wish.moves, _moves, "its moves", "a whole number from 1 to 64"
        )
    if wish.labels == UNSAID:
        read["labels"] = []
    elif wish.labels:
        wanted = f"such as eu,ssd (lower-case letters, digits, hyphens), or `{UNSAID}`"
        read["labels"] = _or_refuse(wish.labels, _labels, "its labels", wanted)
    if not read:
        raise InvalidCapacity(
            "what it bears",
            "",
            "at least one of --bytes, --load, --tenants, --weight, --moves, --labels",
        )
    return read


def _none_or(typed: str, read: Any, what: str, wanted: str) -> Any:
    if typed == UNSAID:
        return None
    return _or_refuse(typed, read, what, f"{wanted}, or `{UNSAID}`")


def _or_refuse(typed: str, read: Any, what: str, wanted: str) -> Any:
    try:
        return read(typed)
    except (ValueError, OverflowError):
        raise InvalidCapacity(what, typed, wanted) from None


def _bytes(typed: str) -> int:
    found = _SIZE.fullmatch(typed.strip())
    if found is None:
        raise ValueError
    size = int(float(found[1]) * _UNITS[found[2][:1]])
    return _within(size, 1, _MOST)


def _above_nothing(typed: str) -> float:
    return _within(float(typed), 0.001, 1e6)


def _weight(typed: str) -> float:
    return _within(float(typed), 0, 1000)


def _count(typed: str) -> int:
    return _within(int(typed), 1, 1_000_000)


def _moves(typed: str) -> int:
    return _within(int(typed), 1, 64)


def _labels(typed: str) -> list[str]:
    labels = {each.strip() for each in typed.split(",")}
    if not all(_LABEL.fullmatch(each) for each in labels):
        raise ValueError
    return sorted(labels)


def _within(value: Number, least: float, most: float) -> Number:
    if not least <= value <= most:
        raise ValueError
    return value


def _facts(shard: Shard) -> dict[str, Any]:
    return {
        "bytes": shard.capacity_bytes,
        "load": shard.capacity_load,
        "tenants": shard.role_cap,
        "weight": shard.weight,
        "moves": shard.moves_at_once,
        "labels": list(shard.labels),
    }
