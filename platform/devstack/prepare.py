"""What makes bare servers the product's own: control's tables, each shard, the tenants' image.

Needs Django, set up with settings whose registry is this stack's.
"""

import os
from collections.abc import Callable

from devstack.addresses import address_of
from devstack.stack import Stack
from migrations_tools.images.errors import ImageError
from migrations_tools.images.services.build_image import build_image
from migrations_tools.images.types import ImageOutcome
from migrations_tools.services.control import ControlRequest, migrate_control
from sharding.placements.services.adding import AddShardRequest, add_shard
from sharding.registry import current
from sharding.schemas.preparation.types import Outcome, StepReport


def prepare(stack: Stack, *, tell: Callable[[str], None] = lambda line: None) -> None:
    """Migrate control, add every shard and build the image, as far as that is not done.

    The registry of this process becomes the stack's.
    Idempotent: what a cut-off run left is finished.
    """
    # A registry that is read again later must be this one.
    os.environ[current.ENVIRONMENT_VARIABLE] = str(stack.files.registry)
    current.install(stack.registry())
    migrate_control(ControlRequest(), tell=lambda line: tell(f"control: {line}"))
    for name in stack.shards:
        _add(stack, name, tell)
    _build_image(tell)


def _build_image(tell: Callable[[str], None]) -> None:
    """So that tenants are made in a moment. Without one they are made, by Django's migrations."""
    try:
        receipt = build_image()
    except ImageError as error:
        tell(f"image: none was built. {error}")
        return
    for image in receipt.images:
        if image.outcome is not ImageOutcome.KEPT:
            tell(f"image for PostgreSQL {image.major}: {image.outcome} {image.why}".rstrip())


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
