"""Times are shown in the time zone that a member chose, or else the workspace's admins.

It is looked up when a page shows its first time, since most requests show none. Where they are
chosen: the settings of the workspace (`services.preferences`), a member's profile.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, tzinfo
from functools import cached_property
from typing import cast
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from asgiref.sync import iscoroutinefunction
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.decorators import sync_and_async_middleware

Sync = Callable[[HttpRequest], HttpResponseBase]
Async = Callable[[HttpRequest], Awaitable[HttpResponseBase]]


class WorkspaceZone(tzinfo):
    """The zone of one request: that of its member, or of its tenant. Looked up once."""

    @cached_property
    def _zone(self) -> ZoneInfo:
        # Where there is no workspace (benchmarks' peers), this module can still be imported.
        from accounts.own_time_zone import own_time_zone
        from workspace.services.preferences import preferences

        try:
            return ZoneInfo(own_time_zone() or preferences().time_zone)
        except ZoneInfoNotFoundError:
            # Chosen where another edition of the list of zones is installed.
            return ZoneInfo("UTC")

    def utcoffset(self, moment: datetime | None) -> timedelta | None:
        return self._zone.utcoffset(moment)

    def dst(self, moment: datetime | None) -> timedelta | None:
        return self._zone.dst(moment)

    def tzname(self, moment: datetime | None) -> str | None:
        # Without a moment it is asked for by Django, to tell the database.
        return self._zone.tzname(moment) or self._zone.key

    def fromutc(self, moment: datetime) -> datetime:
        """The moment in the zone itself, so that what is kept longer than the scope is right."""
        return self._zone.fromutc(moment.replace(tzinfo=self._zone))

    def __str__(self) -> str:
        return self._zone.key


@sync_and_async_middleware
def TimeZoneMiddleware(get_response: Sync | Async) -> Sync | Async:  # noqa: N802
    """Let a tenant's pages show times in its own zone; other hosts show the server's."""
    if iscoroutinefunction(get_response):
        answer_later = cast(Async, get_response)

        async def later(request: HttpRequest) -> HttpResponseBase:
            with timezone.override(_for(request)):
                return await answer_later(request)

        return later

    answer_now = cast(Sync, get_response)

    def now(request: HttpRequest) -> HttpResponseBase:
        with timezone.override(_for(request)):
            return answer_now(request)

    return now


def _for(request: HttpRequest) -> tzinfo | None:
    return WorkspaceZone() if getattr(request, "tenant", None) else None
