"""Make the roles of all tenants that will come to a server at once.

Each batch makes every session of the server look at all of its memberships again, which with some
thousand roles takes as long as hundreds of requests.
"""

from collections import defaultdict
from collections.abc import Iterable

from sharding.placements.models import CONTROL, Shard
from sharding.rebalance.models import RebalanceStep
from sharding.registry import current as addresses
from sharding.registry.errors import UnknownShard
from sharding.schemas.errors import RoleCapReached, ServerUnreachable
from sharding.schemas.services.roles import make_roles


def make_roles_ahead(steps: Iterable[RebalanceStep]) -> dict[str, str]:
    """Make what these steps need, on every target; the targets that bear no more, with why.

    A server that does not answer is left for later: the move itself makes its role too.

    Idempotent.
    """
    wanted: dict[str, list[str]] = defaultdict(list)
    for step in steps:
        wanted[step.target].append(step.tenant_id)
    caps = dict(Shard.objects.using(CONTROL).values_list("name", "role_cap"))
    full: dict[str, str] = {}
    for target, names in sorted(wanted.items()):
        try:
            make_roles(addresses.shard(target), names, cap=caps.get(target))
        except RoleCapReached as error:
            full[target] = str(error)
        except (ServerUnreachable, UnknownShard):
            continue
    return full
