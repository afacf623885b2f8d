"""Tenant ids whose roles are made ahead, in batches."""

import secrets
import string

from django.db import models, transaction
from django.db.models.functions import Now

from sharding.placements.conf import placement_settings
from sharding.placements.errors import ShardUnavailable
from sharding.placements.models import CONTROL, ReservedRole, Shard
from sharding.registry import current as addresses
from sharding.schemas.errors import RoleCapReached
from sharding.schemas.services.roles import make_roles, role_cap

_ALPHABET = string.ascii_lowercase + string.digits
_RANDOM_LENGTH = 9

_TRIES = 5
"""How often others may empty the batch that we just made before we give up."""


def reserve_tenant_id(shard: str, *, used_by: str, spare: str | None = None) -> str:
    """A new tenant id whose role exists on `shard`, kept for `used_by` until it is placed.

    Makes a batch of roles when none is left. `spare` is for whoever goes on with `build_schema`:
    the key of the spare schemas that it would take. An id that has one is given first, one whose
    spare is another last. Without it no id is given that has a schema.

    Transaction: forbids an open one on control: what is made on the shard would outlive it.
    Idempotent: by `used_by`, until create_placement uses the id up.

    Raises:
        ShardUnavailable: the shard bears no more roles.
        UnknownShard: it has no address here.
        ServerUnreachable: no role was left, and none could be made.
    """
    for _ in range(_TRIES):
        name = _take(shard, used_by, spare)
        if name is not None:
            return name
        top_up_roles(shard)
    raise ShardUnavailable(shard, "others take its roles as fast as they are made; try again")


def top_up_roles(shard: str) -> int:
    """Make the roles of one batch on `shard`, those of a batch cut off before included.

    The names are written down first, so a run that is cut off leaves no role unknown.

    Transaction: forbids an open one on control.

    Raises:
        ShardUnavailable: the shard bears no more roles.
        UnknownShard: it has no address here.
        ServerUnreachable: the names stay written down, and the next run makes them.
    """
    server = addresses.shard(shard)
    with transaction.atomic(using=CONTROL, durable=True):
        row = Shard.objects.using(CONTROL).select_for_update().get(name=shard)
        wanted = min(placement_settings().role_batch, room_for_roles(row))
        unmade = _unmade(shard).count()
        if wanted + unmade <= 0:
            raise ShardUnavailable(shard, f"it bears {cap_of(row)} tenant roles and has as many")
        ReservedRole.objects.using(CONTROL).bulk_create(
            ReservedRole(name=new_tenant_id(), shard=row) for _ in range(wanted - unmade)
        )
    names = list(_unmade(shard).values_list("name", flat=True))
    try:
        make_roles(server, names, cap=row.role_cap)
    except RoleCapReached as error:
        # Its server holds roles that control does not know of, of another shard perhaps.
        _unmade(shard).filter(name__in=names, used_by="").delete()
        raise ShardUnavailable(shard, str(error)) from error
    return _unmade(shard).filter(name__in=names).update(made_at=Now())


def new_tenant_id() -> str:
    """A name such as `t0k3f9amq2`: it tells no customer, and fits a role, a schema and a path."""
    return "t" + "".join(secrets.choice(_ALPHABET) for _ in range(_RANDOM_LENGTH))


def cap_of(shard: Shard) -> int:
    """How many tenant roles the shard's server bears."""
    return shard.role_cap if shard.role_cap is not None else role_cap(shard.version)


def room_for_roles(shard: Shard) -> int:
    """How many more roles may be made, as far as control knows."""
    return max(0, cap_of(shard) - ReservedRole.objects.using(CONTROL).filter(shard=shard).count())


def _take(shard: str, used_by: str, spare: str | None) -> str | None:
    free = ReservedRole.objects.using(CONTROL).filter(
        shard_id=shard, placed_at=None, made_at__isnull=False
    )
    if spare is None:
        free = free.filter(spare="")
    with transaction.atomic(using=CONTROL, durable=True):
        kept = free.filter(used_by=used_by).order_by("name").first()
        if kept is not None:
            return kept.name
        # Skipping what others are just taking: the batch serves many at once.
        unused = free.filter(used_by="").order_by(*_preferred(spare), "name")
        found = unused.select_for_update(skip_locked=True).first()
        if found is None:
            return None
        found.used_by = used_by
        found.save(using=CONTROL, update_fields=["used_by"])
        return found.name


def _preferred(spare: str | None) -> tuple[models.Case, ...]:
    """One that has what is wanted, then one that has nothing; else a spare that must be dropped."""
    if spare is None:
        return ()
    return (
        models.Case(
            models.When(spare="", then=1),
            models.When(spare=spare, then=0),
            default=2,
            output_field=models.IntegerField(),
        ),
    )


def _unmade(shard: str) -> models.QuerySet[ReservedRole]:
    return ReservedRole.objects.using(CONTROL).filter(shard_id=shard, made_at=None, placed_at=None)
