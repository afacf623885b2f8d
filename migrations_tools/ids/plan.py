"""Which name gets which id. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from migrations_tools.ids.types import Known, Names, Rename, TypeName
from sharding.schemas.services.global_ids import GLOBAL_FROM, LOCAL_FROM

ACTIONS = ("add", "change", "delete", "view")
"""What Django makes permissions for; those of a renamed model are called after it."""


class OutOfIds(RuntimeError):
    """The global range is used up, which a thousand million names would do."""


@dataclass(frozen=True, slots=True)
class Plan:
    """New names with their ids.

    Attributes:
        moved: names that mean something else from now on, with their new ids: a model was renamed,
            and another took its name.
    """

    types: dict[TypeName, int]
    permissions: dict[tuple[int, str], int]
    moved: dict[TypeName, int]

    @property
    def is_empty(self) -> bool:
        """Everything has an id already."""
        return not (self.types or self.permissions or self.moved)


def plan_ids(known: Known, wanted: Names, *, renames_permissions: bool) -> Plan:
    """What to write down so that all of `wanted` has ids.

    Both names of a renamed model get one id: a schema where it was renamed kept the old name's,
    and one that is born later must get the same. `renames_permissions`: whether this Django gives
    the permissions of a renamed model new codenames (6.1 does) or makes further ones (5.2).
    """
    return _Planner(known, renames_permissions).plan(wanted)


class _Planner:
    def __init__(self, known: Known, renames_permissions: bool) -> None:
        self._known = known
        self._types = dict(known.types)
        self._permissions = dict(known.permissions)
        self._renames_permissions = renames_permissions
        self._next_type = _after(known.types.values())
        self._next_permission = _after(known.permissions.values())
        self._moved: dict[TypeName, int] = {}

    def plan(self, wanted: Names) -> Plan:
        for rename in wanted.renames:
            self._alias(rename, wanted.live)
        for name in sorted(wanted.types | {one.type for one in wanted.permissions}):
            self._type(name)
        for one in sorted(wanted.permissions):
            key = (self._types[one.type], one.codename)
            if key not in self._permissions:
                self._permissions[key] = next(self._next_permission)
        return Plan(
            types={name: id_ for name, id_ in self._types.items() if name not in self._known.types},
            permissions={
                key: id_
                for key, id_ in self._permissions.items()
                if key not in self._known.permissions
            },
            moved=self._moved,
        )

    def _alias(self, rename: Rename, live: frozenset[TypeName]) -> None:
        before, after = rename.before, rename.after
        reused = before in live
        if after not in self._types:
            self._types[after] = self._type(before) if not reused else self._old(before)
            if reused and before in self._known.types:
                self._moved[before] = self._types[before] = next(self._next_type)
        elif before not in self._types and not reused:
            self._types[before] = self._types[after]
        if self._renames_permissions:
            self._alias_permissions(rename, self._types[after])

    def _old(self, name: TypeName) -> int:
        """The id that `name` has had so far, or a new one."""
        known = self._types.get(name)
        return next(self._next_type) if known is None else known

    def _alias_permissions(self, rename: Rename, type_id: int) -> None:
        for action in ACTIONS:
            id_ = self._permissions.get((type_id, f"{action}_{rename.old}"))
            if id_ is not None:
                self._permissions.setdefault((type_id, f"{action}_{rename.new}"), id_)

    def _type(self, name: TypeName) -> int:
        if name not in self._types:
            self._types[name] = next(self._next_type)
        return self._types[name]


def _after(used: Iterable[int]) -> Iterator[int]:
    start = max(used, default=GLOBAL_FROM - 1) + 1
    yield from range(start, LOCAL_FROM)
    raise OutOfIds
