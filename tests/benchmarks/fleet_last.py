"""What the last `make bench-fleet` wrote, as far as it can still be read."""

import json
import sys
from collections.abc import Callable
from typing import Any, TypeVar

from tests.benchmarks.conditions import Machine
from tests.benchmarks.fleet_page import LABELS, Beside, Flat, Point, Results
from tests.benchmarks.pages import ROOT

Read = TypeVar("Read")


def read_last() -> Results:
    """What the last run wrote; nothing where there was none.

    What an older or a newer bench wrote, or what was cut off, is told and left out: the page says
    "Not measured" there, until that part is run again.
    """
    file = ROOT / ".bench" / "fleet.json"
    if not file.exists():
        return Results()
    raw = _read("all", _mapping_in, file.read_text()) or {}
    beside = [_read(name, _beside, name, raw[name]) for name in LABELS if name in raw]
    points = [_read("curve", _point, one) for one in _items(raw, "curve")]
    flat = [_read("flat", _flat, one) for one in _items(raw, "flat")]
    machines = {
        part: _read(f"machines, {part}", _machine, one)
        for part, one in (_read("machines", _mapping, raw.get("machines", {})) or {}).items()
    }
    return Results(
        beside=tuple(one for one in beside if one is not None),
        points=tuple(one for one in points if one is not None),
        flat=tuple(one for one in flat if one is not None),
        tables=_read("tables", _tables, raw.get("tables", (0, 0))) or (0, 0),
        machines={part: one for part, one in machines.items() if one is not None},
    )


def _read(what: str, reader: Callable[..., Read], *raw: Any) -> Read | None:
    try:
        return reader(*raw)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        told = f"{type(error).__name__}: {error}"
        print(f".bench/fleet.json: left out, {what} ({told})", file=sys.stderr, flush=True)
        return None


def _mapping_in(text: str) -> dict[str, Any]:
    return _mapping(json.loads(text))


def _mapping(raw: Any) -> dict[str, Any]:
    return dict(raw)


def _items(raw: dict[str, Any], name: str) -> list[Any]:
    return _read(name, list, raw.get(name, [])) or []


def _beside(name: str, raw: dict[str, Any]) -> Beside:
    return Beside(
        name,
        float(raw["django_tenants"]),
        raw["django_tenants_multiprocessing"],
        float(raw["atoll"]),
        raw["goal"],
        raw.get("goal_multiprocessing"),
    )


def _point(raw: dict[str, Any]) -> Point:
    return Point(**raw)


def _flat(raw: dict[str, Any]) -> Flat:
    return Flat(**raw)


def _tables(raw: Any) -> tuple[int, int]:
    theirs, ours = raw
    return int(theirs), int(ours)


def _machine(raw: dict[str, Any]) -> Machine:
    return Machine(**raw)
