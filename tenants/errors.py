"""What tenants refuse; errors of their end and of lists of them: `tenants.services.errors`.

TenantError
├── InvalidHost
├── InvalidSlug
├── SlugTaken
│   ├── SlugQuarantined
│   └── SlugOfDeleted
├── InvalidName
├── InvalidDomain
├── DomainTaken
├── UnknownSlug
├── UnknownDomain
├── UnknownPlan
├── LastDomain
├── InvalidRequest
├── BeingProvisioned
├── ProvisionFailed
├── WrongTenantState
├── ShardNotUsable
├── DirectoryAway
├── CacheInDoubt
├── TenantNotServed
├── UnstampedTask
├── UnknownLink
└── LostTask
"""

from collections.abc import Iterable
from datetime import datetime
from typing import ClassVar


class TenantError(Exception):
    """Something about tenants cannot be done."""

    code: ClassVar[str] = "tenants"
    retryable: ClassVar[bool] = False


class InvalidHost(TenantError):
    """A Host header is no host name."""

    code = "tenants.invalid_host"

    def __init__(self, host: str, why: str) -> None:
        self.host = host
        # Somebody else's text, of any length: only the beginning is repeated.
        super().__init__(f"{host[:80]!r} is no host name: {why}.")


class InvalidSlug(TenantError):
    """A slug cannot be a tenant's name in its address."""

    code = "tenants.invalid_slug"

    def __init__(self, slug: str, why: str) -> None:
        self.slug = slug
        super().__init__(f"{slug[:80]!r} cannot be a slug: {why}. Nothing was changed.")


class SlugTaken(TenantError):
    """Another tenant has this slug."""

    code = "tenants.slug_taken"

    def __init__(self, slug: str, tenant_id: str) -> None:
        self.slug = slug
        self.tenant_id = tenant_id
        super().__init__(
            f"The slug {slug!r} is taken by tenant {tenant_id}. Choose another one; "
            f"`manage.py show_tenant {slug}` says more. Nothing was changed."
        )


class SlugQuarantined(SlugTaken):
    """A slug belonged to somebody lately and rests."""

    code = "tenants.slug_quarantined"

    def __init__(self, slug: str, *, until: datetime) -> None:
        self.slug = slug
        self.until = until
        TenantError.__init__(
            self,
            f"The slug {slug!r} belonged to another tenant and rests until {until:%Y-%m-%d %H:%M} "
            "UTC, since links and mails that name it are still about. Choose another one. "
            "Nothing was changed.",
        )


class SlugOfDeleted(SlugTaken):
    """A deleted tenant, which can still be restored, has this slug."""

    code = "tenants.slug_of_deleted"

    def __init__(self, slug: str, tenant_id: str, *, purge_after: datetime | None) -> None:
        self.slug = slug
        self.tenant_id = tenant_id
        until = f"{purge_after:%Y-%m-%d %H:%M} UTC" if purge_after else "it is purged"
        TenantError.__init__(
            self,
            f"The slug {slug!r} is that of tenant {tenant_id}, which is deleted and kept until "
            f"{until}. `manage.py restore_tenant {slug}` brings it back; for another tenant choose "
            "another slug. Nothing was changed.",
        )


class InvalidName(TenantError):
    """A text cannot be what people call a tenant."""

    code = "tenants.invalid_name"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"This cannot be the name of a tenant: {why}. Nothing was changed.")


class InvalidDomain(TenantError):
    """A name cannot be a tenant's domain."""

    code = "tenants.invalid_domain"

    def __init__(self, domain: str, why: str) -> None:
        self.domain = domain
        super().__init__(f"{domain[:80]!r} cannot be a domain: {why}. Nothing was changed.")


class DomainTaken(TenantError):
    """A domain leads to another tenant."""

    code = "tenants.domain_taken"

    def __init__(self, domain: str, tenant_id: str) -> None:
        self.domain = domain
        self.tenant_id = tenant_id
        super().__init__(
            f"The domain {domain!r} leads to tenant {tenant_id} already. Nothing was changed."
        )


class UnknownSlug(TenantError):
    """No tenant has this slug or id."""

    code = "tenants.unknown_slug"

    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            f"No tenant has the slug or id {slug[:80]!r}. `manage.py list_tenants` shows all."
        )


class UnknownPlan(TenantError):
    """No plan has this name."""

    code = "tenants.unknown_plan"

    def __init__(self, plan: str, known: Iterable[str]) -> None:
        self.plan = plan
        there = ", ".join(known) or "ATOLL_PLANS names none"
        super().__init__(
            f"There is no plan {plan[:40]!r} ({there}; `none` is to have none). "
            "Nothing was changed."
        )


class UnknownDomain(TenantError):
    """The tenant has no such domain."""

    code = "tenants.unknown_domain"

    def __init__(self, domain: str, slug: str) -> None:
        self.domain = domain
        super().__init__(
            f"Tenant {slug!r} has no domain {domain[:80]!r}. "
            f"`manage.py show_tenant {slug}` shows those it has. Nothing was changed."
        )


class LastDomain(TenantError):
    """A tenant's own subdomain cannot be taken away."""

    code = "tenants.last_domain"

    def __init__(self, domain: str, slug: str) -> None:
        self.domain = domain
        super().__init__(
            f"{domain!r} is the address of tenant {slug!r} by its slug: without it the tenant "
            "could not be reached. To keep people out, `manage.py suspend_tenant`. "
            "Nothing was changed."
        )


class InvalidRequest(TenantError):
    """What was asked for cannot be provisioned."""

    code = "tenants.invalid_request"

    def __init__(self, why: str) -> None:
        super().__init__(f"{why} Nothing was changed.")


class BeingProvisioned(TenantError):
    """Somebody is making this very tenant now."""

    code = "tenants.being_provisioned"
    retryable = True

    def __init__(self, slug: str, *, holder: str) -> None:
        self.slug = slug
        super().__init__(
            f"{holder} is making the tenant {slug!r} at this moment. Nothing was changed. "
            f"`manage.py show_tenant {slug}` says how far it is; if it died, its lease ends within "
            "a minute, and the same command then finishes the work."
        )


class ProvisionFailed(TenantError):
    """A tenant is half made and waits to be finished."""

    code = "tenants.provision_failed"
    retryable = True

    def __init__(self, slug: str, *, state: str, why: str) -> None:
        self.slug = slug
        self.state = state
        super().__init__(
            f"The tenant {slug!r} is not finished (it is {state}): {why} What is done is kept and "
            "serves nobody. Run the same command again to finish it, or take it back: "
            f"`manage.py create_tenant {slug} --undo`."
        )


class WrongTenantState(TenantError):
    """A tenant cannot go from its state to the one asked for."""

    code = "tenants.wrong_state"

    def __init__(self, slug: str, *, found: str, wanted: str) -> None:
        self.slug = slug
        self.found = found
        instead = {
            "deleted": f" `manage.py restore_tenant {slug}` brings it back first.",
            "provisioning": f" `manage.py create_tenant {slug}` as before finishes its making, and "
            "with --undo takes it back.",
        }
        super().__init__(
            f"Tenant {slug!r} is {found} and cannot become {wanted}. Nothing was changed."
            + instead.get(found, "")
        )


class ShardNotUsable(TenantError):
    """A shard does not answer, or too slowly to build on."""

    code = "tenants.shard_not_usable"
    retryable = True

    def __init__(self, shard: str, why: str) -> None:
        self.shard = shard
        super().__init__(
            f"Shard {shard!r} cannot take a tenant now: {why} Nothing was changed. "
            "`manage.py list_shards` shows all; name another one with --shard, or try later."
        )


class DirectoryAway(TenantError):
    """Nobody can say now which tenant a host leads to."""

    code = "tenants.directory_away"
    retryable = True

    def __init__(self, subject: str) -> None:
        super().__init__(
            f"Control does not answer, and nothing is remembered of {subject[:80]!r}. Try again "
            "in a moment."
        )


class CacheInDoubt(TenantError):
    """A tenant's cache cannot be relied on for a lock just now."""

    code = "tenants.cache_in_doubt"
    retryable = True

    def __init__(self, tenant_id: str) -> None:
        self.tenant_id = tenant_id
        super().__init__(
            f"A write to the cache of {tenant_id} was lost, and its keys are being replaced: a "
            "lock would keep nobody out. Try again in a few seconds."
        )


class TenantNotServed(TenantError):
    """The tenant takes no work now."""

    code = "tenants.not_served"

    def __init__(self, tenant_id: str, verdict: str) -> None:
        self.tenant_id = tenant_id
        super().__init__(
            f"Tenant {tenant_id} takes no work ({verdict}). `manage.py show_tenant {tenant_id}` "
            "says why."
        )


class UnstampedTask(TenantError):
    """A tenant's task arrived without its tenant."""

    code = "tenants.unstamped_task"

    def __init__(self, task: str) -> None:
        super().__init__(
            f"Task {task} says of no tenant whose it is, and did not run. Send it inside the "
            "tenant's scope with delay(), apply_async() or a signature, never by name with "
            "send_task()."
        )


class UnknownLink(TenantError):
    """Nobody makes links of this kind for mails."""

    code = "tenants.unknown_link"

    def __init__(self, kind: str) -> None:
        self.kind = kind
        super().__init__(
            f"Nobody makes links of the kind {kind!r}. Call register_link(kind, make) in the "
            "ready() of the app that makes them."
        )


class LostTask(TenantError):
    """A task went from shard to shard and never met its tenant."""

    code = "tenants.lost_task"

    def __init__(self, task: str, *, tenant_id: str, hops: int) -> None:
        super().__init__(
            f"Task {task} of tenant {tenant_id} was forwarded {hops} times and never found its "
            "tenant where control says it is. It did not run."
        )
