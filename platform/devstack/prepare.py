"""What makes bare servers the product's own: control's tables, then each shard.

Needs Django, set up with settings whose registry is this stack's.
"""

import os
from collections.abc import Callable

from devstack.addresses import address_of
from devstack.stack import Stack
from migrations_tools.services.control import ControlRequest, migrate_control
from sharding.placements.services.adding import AddShardRequest, add_shard
from sharding.registry import current
from sharding.schemas.preparation.types import Outcome, StepReport


def prepare(stack: Stack, *, tell: Callable[[str], None] = lambda line: None) -> None:
    """Migrate control and add every shard, as far as that is not done.

    The registry of this process becomes the stack's.
    Idempotent: what a cut-off run left is finished.
    """
    # A registry that is read again later must be this one.
    os.environ[current.ENVIRONMENT_VARIABLE] = str(stack.files.registry)
    current.install(stack.registry())
    migrate_control(ControlRequest(), tell=lambda line: tell(f"control: {line}"))
    for name in stack.shards:
        _add(stack, name, tell)


def _add(stack: Stack, name: str, tell: Callable[[str], None]) -> None:
    def tell_step(step: StepReport) -> None:
        if step.outcome is not Outcome.DONE_BEFORE:
            tell(f"{name}: {step.does}")

    address = address_of(current.registry(), name)
    request = AddShardRequest(
        name=name,
        admin_conninfo=stack.admin_conninfo(name),
        direct=address.direct,
        pooled=address.pooled,
        passwords={},
        registry_path=stack.files.registry,
    )
    add_shard(request, tell_step)
