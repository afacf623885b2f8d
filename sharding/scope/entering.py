"""Entering and leaving a scope."""

from types import TracebackType
from typing import Self

from sharding.scope import ports
from sharding.scope.current import current, describe, replace
from sharding.scope.errors import LeftOpenTransaction, OpenTransaction
from sharding.scope.types import Placement, Scope


class enter:  # noqa: N801 - reads as a verb where it is used: `with scope.enter(place):`
    """Work in `scope` for the length of a `with` block.

    A class and no generator: a leaked generator would leave the scope whenever it is collected.

    `independent=True` gives the tenant's shard a connection of its own for the block, so that
    what is done there neither sees nor shares an open transaction outside.

    Transaction: may stand inside one only when scope and transaction belong to the same tenant,
        or when independent.

    Raises:
        OpenTransaction: another scope is to be entered while an atomic block is open.
        LeftOpenTransaction: at the end the depth is another than at the beginning; the
            connections concerned are closed.
    """

    __slots__ = ("_before", "_depths", "_independent", "_kept", "_scope")

    def __init__(self, scope: Scope | None, *, independent: bool = False) -> None:
        self._scope = scope
        self._independent = independent

    def __enter__(self) -> Self:
        before = current()
        self._before = before
        probe = ports.connections_probe
        depths = probe.depths()
        self._depths = depths
        if before is not None and before != self._scope:
            for hook in ports.before_switch_hooks:
                hook()
        if depths and not self._independent and self._changes_tenant(before):
            raise OpenTransaction(
                current=describe(before),
                wanted=describe(self._scope),
                aliases=tuple(depths),
            )
        if self._independent and self._scope is not None:
            self._kept = probe.swap_out(self._scope.shard)
            self._depths = {a: d for a, d in depths.items() if a != self._scope.shard}
        replace(self._scope)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        probe = ports.connections_probe
        after = probe.depths()
        changed = (
            ()
            if after == self._depths
            else tuple(
                alias
                for alias in {*self._depths, *after}
                if self._depths.get(alias) != after.get(alias)
            )
        )
        try:
            for alias in changed:
                probe.abandon(alias)
            if self._independent and self._scope is not None:
                probe.swap_in(self._scope.shard, self._kept)
        finally:
            replace(self._before)
        # An error that is already on its way says more than ours would.
        if changed and error is None:
            raise LeftOpenTransaction(scope=describe(self._scope), aliases=changed)

    def _changes_tenant(self, before: Scope | None) -> bool:
        wanted = self._scope
        if isinstance(wanted, Placement) and isinstance(before, Placement):
            return (wanted.tenant_id, wanted.shard) != (before.tenant_id, before.shard)
        # Control beside an open tenant transaction is by-name work on another database; but
        # `default` changes its meaning, so this too is another scope.
        return wanted != before
