"""What services refuse about the end of a tenant's life, and about lists of tenants.

TenantError (tenants.errors)
├── NotConfirmed
├── NothingToConfirm
├── RestoreFailed
├── PurgeBegun
├── PurgeNotDue
├── PurgeFailed
├── NotForgotten
├── ReattachFailed
└── InvalidList
"""

from datetime import datetime

from tenants.errors import TenantError


class NotConfirmed(TenantError):
    """Nobody said the slug of the tenant whose data is to be gone for good."""

    code = "tenants.not_confirmed"

    def __init__(self, slug: str, *, said: str) -> None:
        self.slug = slug
        what = f"You said {said[:80]!r}. " if said else ""
        super().__init__(
            f"{what}What is purged cannot be brought back, so this takes the tenant's slug: type "
            f"it when asked, or say --confirm {slug}. Nothing was changed."
        )


class NothingToConfirm(TenantError):
    """A slug was given to confirm a purge, and none was asked for."""

    code = "tenants.nothing_to_confirm"

    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            f"--confirm belongs to --now. Without it tenant {slug!r} is deleted and can be "
            "restored; with it, it is purged at once. Say both, or neither. Nothing was changed."
        )


class RestoreFailed(TenantError):
    """A deleted tenant could not be made fit to be served."""

    code = "tenants.restore_failed"
    retryable = True

    def __init__(self, slug: str, *, why: str) -> None:
        self.slug = slug
        super().__init__(
            f"The tenant {slug!r} stays deleted: {why} Its data is kept. When the cause is mended, "
            f"run `manage.py restore_tenant {slug}` again."
        )


class PurgeBegun(TenantError):
    """A deleted tenant cannot be restored any more."""

    code = "tenants.purge_begun"

    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            f"The purge of tenant {slug!r} has begun, and a part of its data may be gone: it "
            "cannot be restored. `manage.py purge_deleted` finishes the purge; a backup of its "
            "shard, or an archive that was made of it, has its data."
        )


class PurgeNotDue(TenantError):
    """A deleted tenant is still kept for those who may want it back."""

    code = "tenants.purge_not_due"

    def __init__(self, slug: str, *, purge_after: datetime | None) -> None:
        self.slug = slug
        until = f"{purge_after:%Y-%m-%d %H:%M} UTC" if purge_after else "for now"
        super().__init__(
            f"Tenant {slug!r} is kept until {until}. Nothing was changed. To purge it at once: "
            f"`manage.py delete_tenant {slug} --now`."
        )


class PurgeFailed(TenantError):
    """A purge stopped on its way and waits to be finished."""

    code = "tenants.purge_failed"
    retryable = True

    def __init__(self, slug: str, *, state: str, why: str) -> None:
        self.slug = slug
        self.state = state
        super().__init__(
            f"The purge of tenant {slug!r} is not finished ({state}): {why} It serves nobody. "
            "`manage.py purge_deleted` goes on from there; so does beat, by itself."
        )


class NotForgotten(TenantError):
    """An id is no tenant's that control has forgotten, or nobody can tell which copy is it."""

    code = "tenants.not_forgotten"

    def __init__(self, tenant_id: str, why: str) -> None:
        self.tenant_id = tenant_id
        super().__init__(f"{tenant_id[:80]!r} cannot be reattached: {why} Nothing was changed.")


class ReattachFailed(TenantError):
    """A tenant is known again, suspended, and not fit to be served yet."""

    code = "tenants.reattach_failed"
    retryable = True

    def __init__(self, tenant_id: str, slug: str, *, why: str) -> None:
        self.tenant_id = tenant_id
        self.slug = slug
        super().__init__(
            f"Tenant {slug!r} ({tenant_id}) is known again and stays suspended: {why} When the "
            f"cause is mended, run `manage.py reattach_tenant {tenant_id} --slug {slug}` again."
        )


class InvalidList(TenantError):
    """A file is no list of tenants."""

    code = "tenants.invalid_list"

    def __init__(self, path: str, why: str) -> None:
        self.path = path
        super().__init__(f"{path}: {why} Nothing was changed.")
