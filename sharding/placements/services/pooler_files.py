"""PgBouncer's files, from the budget and the registry."""

from pathlib import Path

from sharding.placements.errors import BudgetDoesNotFit
from sharding.placements.services.budgeting import make_budget
from sharding.pools.budgeted import servers_of
from sharding.pools.pgbouncer.errors import NotConfigurable
from sharding.pools.pgbouncer.files import Wanted
from sharding.pools.pgbouncer.writing import Written, write_files
from sharding.registry.current import registry


def pooled_port() -> int:
    """The port at which the registry expects the pooler.

    Raises:
        NotConfigurable: at none, or at several.
    """
    known = servers_of(registry()).values()
    ports = {server.pooled.port for server in known if server.pooled != server.direct}
    if len(ports) != 1:
        told = ", ".join(map(str, sorted(ports))) or "none"
        raise NotConfigurable(
            f"the registry's `pooled` addresses have no one port ({told}). Say --port, and give "
            "each server behind a pooler its `pooled` address."
        )
    return ports.pop()


def write_pooler_files(
    folder: Path, wanted: Wanted, *, offline: bool, dry_run: bool = False
) -> Written:
    """Bring the files in `folder` to the budget and the registry of now.

    Idempotent.

    Raises:
        BudgetDoesNotFit: nothing was written.
        NoProcessGroups: nothing was written.
        NotConfigurable: nothing was written.
    """
    budget = make_budget(offline=offline)
    if budget.problems:
        raise BudgetDoesNotFit(budget.problems)
    return write_files(folder, wanted, budget.plan, servers_of(registry()), dry_run=dry_run)
