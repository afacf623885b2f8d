"""What provisioning is asked for, what it would do, and what it did."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from django.conf import settings
from django.utils.crypto import salted_hmac

from sharding import scope
from tenants.states import ProvisionState

AUTO = "auto"

_FIRST_ADMIN: Final = "tenants.first-admin"


class Contents(Protocol):
    """What a tenant begins with that does not begin empty: an archive's, or another tenant's.

    Attributes:
        steps: dotted paths that run in the place of TENANT_PROVISION_STEPS.
        heir_of: a tenant whose slugs may be taken while they rest, since links and mails that name
            them mean this one; empty for none.
        needs: labels that the shard must have for the sake of what is in them.
    """

    @property
    def steps(self) -> tuple[str, ...]: ...

    @property
    def heir_of(self) -> str: ...

    @property
    def needs(self) -> tuple[str, ...]: ...

    def asked(self) -> dict[str, Any]:
        """What tells these contents from others; kept in the journal."""
        ...

    def build(self, placement: scope.Placement, tell: Callable[[str], None]) -> None:
        """Make the schema, with all that is in it, and the tenant's files; open it.

        Idempotent: what an earlier run has left is replaced.
        """
        ...


@dataclass(frozen=True, slots=True)
class ProvisionRequest:
    """A tenant that shall be made.

    Attributes:
        slug: its part of the host name.
        name: what people call it; by default the slug.
        shard: where, or AUTO.
        domains: further hosts under which it is reached.
        admin_email: who gets the first account, if anybody.
        plan: how much of its shard it may have; empty: no plan.
        admin_password: with it; without, nobody can sign in until one is set.
        contents: with what it begins; without, with an empty schema.
        labels: what its shard must have, now and ever after (`pin_tenant --label`); empty: what its
            contents need.
    """

    slug: str
    name: str = ""
    shard: str = AUTO
    domains: tuple[str, ...] = ()
    admin_email: str = ""
    admin_password: str | None = field(default=None, repr=False)
    plan: str = ""
    contents: Contents | None = None
    labels: tuple[str, ...] = ()

    @property
    def needs(self) -> tuple[str, ...]:
        """Labels that its shard must have, now and ever after."""
        return self.labels or (() if self.contents is None else self.contents.needs)

    def asked(self, *, secret: str | bytes | None = None) -> dict[str, Any]:
        """What tells this request from another one.

        Control keeps it for good, so without password, and of the admin's address a hash that
        nobody without the key can try addresses against; `secret` is a key of before.
        """
        told: dict[str, Any] = {
            "slug": self.slug,
            "name": self.name or self.slug,
            "domains": sorted(self.domains),
            "admin": self._admin_digest(secret),
        }
        # What is not asked for is not there: an unfinished run of an older release is known again.
        if self.plan:
            told["plan"] = self.plan
        if self.labels:
            told["labels"] = sorted(set(self.labels))
        return told if self.contents is None else {**told, "contents": self.contents.asked()}

    def is_same_as(self, asked: dict[str, Any]) -> bool:
        """Whether `asked` is of this very request, under the present key or one before it."""
        keys = (settings.SECRET_KEY, *settings.SECRET_KEY_FALLBACKS)
        return any(asked == self.asked(secret=key) for key in keys)

    def _admin_digest(self, secret: str | bytes | None) -> str:
        if not self.admin_email:
            return ""
        made = salted_hmac(_FIRST_ADMIN, self.admin_email, secret=secret, algorithm="sha256")
        return made.hexdigest()


@dataclass(frozen=True, slots=True)
class ProvisionPlan:
    """What a run would do, in order.

    Attributes:
        hosts: under which the tenant will be reached, the primary one first.
        shard: where it will live.
        tenant_id: its id, if an earlier run began; empty otherwise.
        done: how far that run came; None when there was none.
        steps: what is still to do, in words.
    """

    request: ProvisionRequest
    hosts: tuple[str, ...]
    shard: str
    tenant_id: str
    done: ProvisionState | None
    steps: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data, without the password."""
        return {
            "slug": self.request.slug,
            "name": self.request.name or self.request.slug,
            "hosts": list(self.hosts),
            "shard": self.shard,
            "tenant_id": self.tenant_id or None,
            "done": self.done,
            "steps": list(self.steps),
        }


@dataclass(frozen=True, slots=True)
class ProvisionReceipt:
    """What a run did.

    Attributes:
        created: False when the tenant was there already, as asked for.
    """

    tenant_id: str
    slug: str
    name: str
    hosts: tuple[str, ...]
    placement: scope.Placement
    created: bool

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "tenant_id": self.tenant_id,
            "slug": self.slug,
            "name": self.name,
            "hosts": list(self.hosts),
            "shard": self.placement.shard,
            "schema": self.placement.schema,
            "epoch": self.placement.epoch,
            "created": self.created,
        }
