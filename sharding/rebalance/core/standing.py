"""Whether a step that was planned earlier is still right. Pure."""

from sharding.rebalance.core.forced import doubled, forced_reason
from sharding.rebalance.core.ledger import Ledger
from sharding.rebalance.core.plans import Step, Why
from sharding.rebalance.core.types import Policy, World


def why_not_now(step: Step, world: World, policy: Policy | None = None) -> str:
    """Why this step is not to be done as the world is now; empty when it is.

    Asked just before a move: its tenant may be gone, pinned or busy since, its shards down or
    full, and what it was meant against over.
    """
    return why_dropped(Ledger(world, policy or Policy()), step)


def why_dropped(ledger: Ledger, step: Step) -> str:
    """As `why_not_now`, in a ledger."""
    tenant = ledger.number.get(step.tenant_id)
    target = ledger.index.get(step.target)
    if tenant is None:
        return "there is no such tenant any more"
    home = ledger.shards[ledger.home[tenant]].name
    if home != step.source:
        return f"it is on {home} now"
    if (held := ledger.held[tenant]) is not None:
        return ledger.tenants[tenant].busy or str(held)
    if target is None or not ledger.open[target]:
        return f"{step.target} takes no tenants now"
    if not ledger.may_live(tenant, target):
        return f"it may not be on {step.target} now"
    if step.why.is_forced:
        return _why_not_forced(ledger, step, tenant, target)
    return _why_not_wanted(ledger, step, tenant, target)


def _why_not_forced(ledger: Ledger, step: Step, tenant: int, target: int) -> str:
    if step.why is Why.APART:
        if tenant not in doubled(ledger):
            return "its group is apart already"
    elif forced_reason(ledger, tenant) is None:
        return "it need not leave any more"
    if not ledger.has_room(target, ledger.hard[target], ledger.cost[tenant]):
        return f"{step.target} has no room for it now"
    return ""


def _why_not_wanted(ledger: Ledger, step: Step, tenant: int, target: int) -> str:
    stays = ledger.stays[tenant]
    if stays is not None:
        return str(stays)
    cost, source = ledger.cost[tenant], ledger.home[tenant]
    before = ledger.touched_ratio(source, cost)
    if not ledger.stays_below(before, target, cost):
        return f"{step.target} would be as full as {step.source} is now"
    if step.why is Why.FILL:
        if not ledger.has_room(target, ledger.even[target], ledger.cost[tenant]):
            return f"{step.target} has its fair share now"
    elif not ledger.exceeds(source, ledger.low[source]):
        return f"{step.source} is not too full any more"
    elif not ledger.has_room(target, ledger.high[target], ledger.cost[tenant]):
        return f"{step.target} has no room for it now"
    return ""
