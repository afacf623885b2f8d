"""Operators' sessions: in control, with an end after idle time and an absolute one."""

import hashlib
from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.crypto import get_random_string

from console.conf import console_settings
from console.models import CONTROL, Operator, OperatorSession

OPERATOR: Final = "operator"
"""The session's entry that names its operator."""

_KEY_LENGTH: Final = 32
_SEEN_AT_MOST_EVERY: Final = timedelta(minutes=1)


class SessionStore(SessionBase):
    """Keeps a session under a digest of its key, so that who reads the table takes over nobody.

    somebody: False: nobody did anything, so its idle end comes as it would have.
    """

    def __init__(self, session_key: str | None = None, *, somebody: bool = True) -> None:
        super().__init__(session_key)
        self._somebody = somebody

    def load(self) -> dict[str, Any]:
        """What is kept, or nothing when it has ended; looking at it puts off its idle end."""
        now = timezone.now()
        row = _alive(now).filter(digest=_digest(self.session_key)).first()
        if row is None:
            self._session_key = None
            return {}
        if self._somebody and row.seen_at < now - _SEEN_AT_MOST_EVERY:
            OperatorSession.objects.using(CONTROL).filter(pk=row.pk).update(seen_at=now)
        data: dict[str, Any] = row.data
        return data

    def exists(self, session_key: str) -> bool:
        """Whether the key was given out."""
        rows = OperatorSession.objects.using(CONTROL)
        return rows.filter(digest=_digest(session_key)).exists()

    def create(self) -> None:
        """Begin a session under a new key."""
        while True:
            self._session_key = get_random_string(_KEY_LENGTH)
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:
        """Keep the data; a session that was ended meanwhile stays ended.

        Raises:
            CreateError: the key is another session's.
            UpdateError: the session is gone.
        """
        if self.session_key is None:
            return self.create()
        # Of a new key nothing can be loaded.
        data = getattr(self, "_session_cache", {}) if must_create else dict(self.items())
        row = OperatorSession(
            digest=_digest(self.session_key), operator_id=data.get(OPERATOR), data=data
        )
        try:
            with transaction.atomic(using=CONTROL):
                if must_create:
                    row.save(using=CONTROL, force_insert=True)
                elif not self._update(row):
                    raise UpdateError
        except IntegrityError as error:
            raise CreateError if must_create else UpdateError from error
        return None

    def delete(self, session_key: str | None = None) -> None:
        """End a session, by default this one."""
        key = session_key or self.session_key
        OperatorSession.objects.using(CONTROL).filter(digest=_digest(key)).delete()

    def get_session_cookie_age(self) -> int:
        """How long the browser keeps the cookie, in seconds; the idle end is kept here."""
        return round(console_settings().absolute.total_seconds())

    @classmethod
    def clear_expired(cls) -> None:
        """Delete the rows of sessions that have ended."""
        ended = OperatorSession.objects.using(CONTROL)
        ended.exclude(pk__in=_alive(timezone.now()).values("pk")).delete()

    def _update(self, row: OperatorSession) -> int:
        rows = OperatorSession.objects.using(CONTROL).filter(pk=row.pk)
        return int(rows.update(data=row.data, operator_id=row.operator_id))


def end_other_sessions(session: SessionBase, operator: Operator) -> None:
    """End all of an operator's sessions but this one.

    Transaction: any on control.
    """
    rows = OperatorSession.objects.using(CONTROL).filter(operator=operator)
    rows.exclude(digest=_digest(session.session_key)).delete()


def _alive(now: datetime) -> Any:
    conf = console_settings()
    return OperatorSession.objects.using(CONTROL).filter(
        seen_at__gt=now - conf.idle, started_at__gt=now - conf.absolute
    )


def _digest(key: str | None) -> str:
    return hashlib.sha256((key or "").encode()).hexdigest()
