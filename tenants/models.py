"""Who the tenants are, where they are reached, and how far their making and purge are."""

from typing import Any

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector
from django.db import models
from django.db.models.functions import Lower, Now
from django_tenants.models import DomainMixin, TenantMixin

from tenants.plans import LONGEST_NAME
from tenants.states import ProvisionState, PurgeState, TenantState

CONTROL = "control"
NAME_WORDS = "simple"
"""How names are taken apart for searching: into words, in whatever language, as they are."""


class Tenant(TenantMixin):
    """A customer. Where it lives is its placement's affair: `sharding.placements`.

    Fields and relations are django-tenants', so that code written for it finds what it looks for.
    Saving and deleting rows touches no schema: `tenants.services.provision` makes them.
    """

    id = models.CharField(max_length=31, primary_key=True)
    """Opaque and immutable; the name of its role, schema, cache keys and folder."""
    slug = models.CharField(max_length=63, unique=True)
    """Its part of the host name. May change; never goes into anything that lasts."""
    name = models.CharField(max_length=150)
    state = models.CharField(
        max_length=20,
        choices=[(state.value, state.name) for state in TenantState],
        default=TenantState.PROVISIONING,
    )
    plan = models.CharField(max_length=LONGEST_NAME, default="", db_default="", blank=True)
    """How much of its shard it may have (ATOLL_PLANS); empty: as much as anybody without one."""
    created_at = models.DateTimeField(db_default=Now())
    deleted_at = models.DateTimeField(null=True, blank=True)
    """When it was deleted; None while it is not. With it come the next two."""
    purge_after = models.DateTimeField(null=True, blank=True, db_index=True)
    """From then on its data is purged, and until then it can be restored."""
    restored_as = models.CharField(max_length=20, default="", db_default="", blank=True)
    """What it was before it was deleted, and becomes when it is restored."""

    auto_create_schema = False
    auto_drop_schema = False

    class Meta:
        ordering = ["slug"]
        indexes = [GinIndex(SearchVector("name", config=NAME_WORDS), name="tenant_name_words")]

    def __str__(self) -> str:
        return self.slug

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the row, and nothing else.

        The mixin's own would look into `default` for a schema, and make or drop one there.
        """
        if args and isinstance(args[0], int) and not isinstance(args[0], bool):
            args = args[1:]  # the mixin takes a verbosity first
        kwargs.pop("verbosity", None)
        models.Model.save(self, *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Delete the row, and nothing else; `force_drop` is refused.

        Raises:
            TypeError: a schema is dropped by `sharding.schemas`, on the shard where it is.
        """
        if kwargs.pop("force_drop", False) or (args and args[0] is True):
            raise TypeError(
                "Tenant.delete() drops no schema: `manage.py delete_tenant SLUG` sees to that, and "
                "`manage.py create_tenant SLUG --undo` takes an unfinished tenant back."
            )
        return models.Model.delete(self, *args, **kwargs)

    def create_schema(self, *args: Any, **kwargs: Any) -> bool:
        """Refused: a tenant is made as a whole.

        Raises:
            TypeError: always.
        """
        raise TypeError("Tenants are made by tenants.services.provision.provision_tenant().")

    def _drop_schema(self, force_drop: bool = False) -> None:
        raise TypeError("Schemas are dropped by sharding.schemas, on the shard where they are.")


class Domain(DomainMixin):
    """A host under which a tenant is reached, in the one form of `tenants.hosts`."""

    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        ordering = ["domain"]
        constraints = [
            models.CheckConstraint(
                condition=models.Q(domain=Lower("domain")), name="domain_in_lower_case"
            ),
            models.UniqueConstraint(
                fields=["tenant"],
                condition=models.Q(is_primary=True),
                name="one_primary_domain_per_tenant",
            ),
        ]

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Write the row as it is.

        The mixin's own takes the primary mark from the tenant's other domains in a transaction on
        `default`; `tenants.services.domains` does that on control.
        """
        models.Model.save(self, *args, **kwargs)


class RetiredSlug(models.Model):
    """A slug that a tenant gave up. Nobody else gets it before `until`."""

    slug = models.CharField(max_length=63, primary_key=True)
    tenant_id = models.CharField(max_length=31)
    """Whose it was; this one may take it back at once."""
    until = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.slug


class Provisioning(models.Model):
    """How far a tenant's making is: the journal that a run after a crash goes on from."""

    tenant = models.OneToOneField(
        Tenant, primary_key=True, on_delete=models.CASCADE, related_name="provisioning"
    )
    state = models.CharField(
        max_length=20,
        choices=[(state.value, state.name) for state in ProvisionState],
        default=ProvisionState.CLAIMED,
    )
    asked = models.JSONField(default=dict)
    """What was asked for, to tell a second run of one request from another request. No password,
    and no address: a keyed hash of the first admin's."""
    last_error = models.TextField(default="", blank=True)
    started_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.state}"


class Purge(models.Model):
    """How far a deleted tenant's purge is: the journal that a run after a crash goes on from.

    Goes with the tenant's row, in the purge's last transaction.
    """

    tenant = models.OneToOneField(
        Tenant, primary_key=True, on_delete=models.CASCADE, related_name="purge"
    )
    state = models.CharField(
        max_length=20,
        choices=[(state.value, state.name) for state in PurgeState],
        default=PurgeState.BEGUN,
    )
    last_error = models.TextField(default="", blank=True)
    started_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.state}"
