"""Sessions that live with their tenant and work in no other's scope (SESSION_ENGINE)."""

from typing import Any

from django.contrib.sessions.backends import db

from sharding import scope


class SessionStore(db.SessionStore):
    """Django's database sessions, bound to the tenant in whose scope the store was made.

    A request's session is read and saved late: by a view, by a middleware after it, by whoever
    first looks at `request.user`. By then the code may have entered another tenant's scope, and
    the same session key may be somebody's there.
    """

    def __init__(self, session_key: str | None = None) -> None:
        place = scope.tenant_or_none()
        self._tenant_id = place.tenant_id if place is not None else None
        super().__init__(session_key)

    def load(self) -> dict[str, Any]:
        """Django's.

        Raises:
            WrongTenant: another tenant is in scope.
            NoTenantInScope: none is.
        """
        self._check()
        loaded: dict[str, Any] = super().load()
        return loaded

    async def aload(self) -> dict[str, Any]:
        """Django's; raises as load()."""
        self._check()
        loaded: dict[str, Any] = await super().aload()
        return loaded

    def exists(self, session_key: str) -> bool:
        """Django's; raises as load()."""
        self._check()
        return super().exists(session_key)

    async def aexists(self, session_key: str) -> bool:
        """Django's; raises as load()."""
        self._check()
        return await super().aexists(session_key)

    def save(self, must_create: bool = False) -> None:
        """Django's; raises as load()."""
        self._check()
        super().save(must_create)

    async def asave(self, must_create: bool = False) -> None:
        """Django's; raises as load()."""
        self._check()
        await super().asave(must_create)

    def delete(self, session_key: str | None = None) -> None:
        """Django's; raises as load()."""
        self._check()
        super().delete(session_key)

    async def adelete(self, session_key: str | None = None) -> None:
        """Django's; raises as load()."""
        self._check()
        await super().adelete(session_key)

    def _check(self) -> None:
        in_scope = scope.tenant("A session").tenant_id
        if self._tenant_id is None:
            # Made outside any tenant (a shell, a script): the first use decides.
            self._tenant_id = in_scope
        elif self._tenant_id != in_scope:
            raise scope.WrongTenant(
                "This session", belongs_to=self._tenant_id, in_scope=f"tenant {in_scope}"
            )
