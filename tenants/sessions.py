"""Sessions that live with their tenant and work in no other's scope (SESSION_ENGINE)."""

import time
from datetime import timedelta
from typing import Any, Final

from django.contrib.sessions.backends import db
from django.contrib.sessions.base_session import AbstractBaseSession

from sharding import scope
from tenants.conf import tenant_settings

BEGAN: Final = "_atoll_began"
"""When somebody signed in, or the session was first saved. Seconds since 1970, like SEEN."""
SEEN: Final = "_atoll_seen"
"""When it was last saved."""

NOTED_EVERY: Final = timedelta(minutes=5)
"""How exactly SEEN is kept: noting every use would make a write of every read."""


class SessionStore(db.SessionStore):
    """Django's database sessions, bound to the tenant in whose scope the store was made.

    A request's session is read and saved late: by a view, by a middleware after it, by whoever
    first looks at `request.user`. By then the code may have entered another tenant's scope, and
    the same session key may be somebody's there.

    It ends when nobody has used it for ATOLL_SESSION_IDLE_HOURS, and in any case
    ATOLL_SESSION_LIFETIME_DAYS after signing in.
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
        return self._if_not_over(super().load())

    async def aload(self) -> dict[str, Any]:
        """Django's; raises as load()."""
        self._check()
        return self._if_not_over(await super().aload())

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

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """Django's: the row to save. Notes when the session began and was last used."""
        _note_use(data)
        return super().create_model_instance(data)

    async def acreate_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        """Django's; see create_model_instance()."""
        _note_use(data)
        return await super().acreate_model_instance(data)

    def get_session_cookie_age(self) -> int:
        """Seconds until the session ends if nobody uses it any more."""
        conf, now = tenant_settings(), time.time()
        ends = self.get(BEGAN, now) + conf.session_lifetime.total_seconds()
        return max(0, int(min(conf.session_idle.total_seconds(), ends - now)))

    def begin_anew(self) -> None:
        """Count the session's lifetime from now on: somebody has proved who they are."""
        self[BEGAN] = time.time()

    def _if_not_over(self, data: dict[str, Any]) -> dict[str, Any]:
        """What was loaded, unless it is over.

        The row has its own end, which Django asks the database for; that one was reckoned with
        the settings of when it was saved.
        """
        if not data:
            return data
        conf, now = tenant_settings(), time.time()
        idle, lifetime = conf.session_idle, conf.session_lifetime
        unseen_for = timedelta(seconds=now - data.get(SEEN, 0))
        if now - data.get(BEGAN, now) >= lifetime.total_seconds() or (
            SEEN in data and unseen_for >= idle
        ):
            self._session_key = None
            return {}
        if unseen_for >= min(NOTED_EVERY, idle / 10):
            # The middleware then saves it, which notes the use, and sends the cookie anew.
            self.modified = True
        return data

    def _check(self) -> None:
        in_scope = scope.tenant("A session").tenant_id
        if self._tenant_id is None:
            # Made outside any tenant (a shell, a script): the first use decides.
            self._tenant_id = in_scope
        elif self._tenant_id != in_scope:
            raise scope.WrongTenant(
                "This session", belongs_to=self._tenant_id, in_scope=f"tenant {in_scope}"
            )


def _note_use(data: dict[str, Any]) -> None:
    now = time.time()
    data.setdefault(BEGAN, now)
    data[SEEN] = now
