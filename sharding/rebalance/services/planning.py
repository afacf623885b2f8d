"""Look at the world and plan; changes nothing."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from sharding.rebalance import ports
from sharding.rebalance.core.copying import CopyBasis
from sharding.rebalance.core.planner import plan
from sharding.rebalance.core.plans import Plan, Step, Why
from sharding.rebalance.core.types import Dimension, Policy, Use
from sharding.rebalance.services.world import Seen, policy, see_world

_USES = (
    "source_before",
    "source_after",
    "target_before",
    "target_after",
    "source_use_before",
    "source_use_after",
    "target_use_before",
    "target_use_after",
)


@dataclass(frozen=True, slots=True)
class Look:
    """A plan, and what it was made from."""

    seen: Seen
    policy: Policy
    plan: Plan

    def names(self) -> dict[str, str]:
        """What people call the tenants that the plan speaks of."""
        steps = {step.tenant_id for step in self.plan.steps}
        left = {left.tenant_id for left in self.plan.left if left.tenant_id}
        return ports.names_of(steps | left)

    def to_json(self) -> dict[str, Any]:
        """As plain data, with what people call the tenants."""
        names = self.names()
        told = kept_plan(self.plan)
        for each in (*told["steps"], *told["left"]):
            each["tenant"] = names.get(each["tenant_id"], "")
        return {
            **told,
            "down": dict(self.seen.down),
            "unmeasured": self.seen.unmeasured,
            "policy": {
                "enter": self.policy.enter,
                "leave": self.policy.leave,
                "floor": self.policy.floor,
            },
        }


def look(asked: Mapping[str, Any], *, standing: Iterable[Step] = ()) -> Look:
    """Plan anew. `standing`: what is left of a plan that is being carried out.

    asked: `max_moves`, `max_bytes`; may be empty.
    """
    seen, rules = see_world(), policy(asked)
    return Look(seen, rules, plan(seen.world, rules, standing=tuple(standing)))


def kept_plan(made: Plan) -> dict[str, Any]:
    """A plan as plain data, as it is kept and told."""
    told: dict[str, Any] = _plain(made.to_json())
    return told


def kept_step(step: Step) -> dict[str, Any]:
    """A step as plain data; `step_of` reads it."""
    told: dict[str, Any] = _plain(step.to_json())
    return told


def step_of(kept: Mapping[str, Any]) -> Step:
    """The step that was kept."""
    # What a later release tells of a step, one that an earlier one has kept does not have.
    told = {name: kept[name] for name in Step.__dataclass_fields__ if name in kept}
    told |= {name: Use(**told[name]) for name in _USES}
    told["why"] = Why(told["why"])
    told["dimension"] = Dimension(told["dimension"]) if told["dimension"] else None
    told["warnings"] = tuple(told["warnings"])
    told["copy_basis"] = CopyBasis(told.get("copy_basis", CopyBasis.ASSUMED))
    return Step(**told)


def _plain(value: Any) -> Any:
    """Without enums and tuples: JSON has neither."""
    if isinstance(value, dict):
        return {str(name): _plain(each) for name, each in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(each) for each in value]
    return str(value) if isinstance(value, str) else value
