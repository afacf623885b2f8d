"""Every process says that it lives, hears what is new, and reads the registry again when told."""

import logging
import os
import socket
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from functools import partial
from time import monotonic
from typing import Final

from django.db import DatabaseError, connections, models
from django.db.models import Max, Q
from django.db.models.functions import Now

from sharding.backend.idle_pools import PoolKeeper
from sharding.placements.conf import placement_settings
from sharding.placements.models import CONTROL, Announcement, Process, Shard
from sharding.placements.services.ear import CALL, Ear
from sharding.pools.breaker import breaker_looks, hold_breakers
from sharding.pools.conf import pool_settings
from sharding.registry import current as addresses
from sharding.registry.errors import RegistryError

log = logging.getLogger(__name__)

Listener = Callable[[Announcement], None]
GateLooks = Mapping[str, Mapping[str, int]]
"""By tenant: the announcement that closed its gate, and how much of it is `in_flight`."""

_LATE: Final = timedelta(seconds=60)
"""How long a transaction may take that announces. Ids are given out before it is committed, so
that a later one is sometimes seen first; what is missing in between is looked for so long."""
_BEATS_MISSED: Final = 2
"""A process that could not ask so often in a row may have missed something."""
_STARTS_BEFORE: Final = 100
"""Ids before the newest that a process looks for when it begins: somebody may be at it."""
_LOOKS_AGAIN_S: Final = 0.01
"""How soon a process looks again who is inside a gate that was closed: a move waits for it."""

_listeners: list[Listener] = []
_companions: list[Callable[[bool], None]] = []
_gate_looks: Callable[[], GateLooks] = dict
_beating: "Heartbeat | None" = None
_starting = threading.Lock()


def on_announcement(listener: Listener) -> Listener:
    """Call `listener` in the heartbeat's thread, without a scope, for every announcement."""
    _listeners.append(listener)
    return listener


def with_each_beat(work: Callable[[bool], None]) -> None:
    """Do `work` in the heartbeat's thread after each beat, and at an orderly end; told if it is.

    It must be quick, and keeps errors of control to itself: the heartbeat goes on without it.
    """
    if work not in _companions:
        _companions.append(work)


def announce(kind: str, subject: str, **body: object) -> Announcement:
    """Tell every process, within a heartbeat at most; one that misses it must come to no harm.

    Transaction: the caller's on control, so that nobody hears of what is rolled back.
    """
    announced = Announcement.objects.using(CONTROL).create(kind=kind, subject=subject, body=body)
    with connections[CONTROL].cursor() as cursor:
        cursor.execute(CALL)
    return announced


def tell_gates(look: Callable[[], GateLooks]) -> None:
    """`tenants` says here whose gates are closed in this process, and how much is inside.

    Asked with each heartbeat and each announcement, and every hundredth of a second while anything
    is inside; must not block.
    """
    global _gate_looks
    _gate_looks = look


def ensure_heartbeat(kind: str) -> None:
    """Start this process's heartbeat if it does not beat yet; cheap enough for every request.

    Not at import and not before a fork: a thread does not survive one, and this notices.
    """
    if _beating is None or _beating.pid != os.getpid():
        _start(kind)


def hears() -> bool:
    """Whether this process has heard lately what was announced; asked for every request.

    What it remembers may then be believed for longer: it would have been told of a change.
    """
    beating = _beating
    return beating is not None and monotonic() < beating.hears_until and beating.pid == os.getpid()


def stop_heartbeat() -> None:
    """Stop beating and take the row away: an orderly end."""
    global _beating
    with _starting:
        beating, _beating = _beating, None
    if beating is not None and beating.pid == os.getpid():
        beating.stop()


def purge_processes(*, silent_for: timedelta = timedelta(hours=1)) -> int:
    """Forget processes that were not heard of for so long; return how many."""
    deleted, _ = Process.objects.using(CONTROL).filter(seen_at__lt=Now() - silent_for).delete()
    return deleted


def purge_announcements(*, older_than: timedelta = timedelta(days=1)) -> int:
    """Forget announcements that every living process has long heard; return how many."""
    deleted, _ = Announcement.objects.using(CONTROL).filter(at__lt=Now() - older_than).delete()
    return deleted


def live_processes(*, heard_within: timedelta = timedelta(seconds=10)) -> models.QuerySet[Process]:
    """Processes that said lately that they live."""
    return Process.objects.using(CONTROL).filter(seen_at__gte=Now() - heard_within)


def _tell_listeners(announcement: Announcement) -> None:
    for listener in _listeners:
        try:
            listener(announcement)
        except Exception:
            # One deaf listener must not keep the others from hearing.
            log.exception("%s was not taken in by %r", announcement, listener)


def _start(kind: str) -> None:
    global _beating
    with _starting:
        if _beating is None or _beating.pid != os.getpid():
            _beating = Heartbeat(kind)
            _beating.start()


class Heartbeat(threading.Thread):
    """The thread behind `ensure_heartbeat`; `beat()` is one round of it. Ends unused pools.

    Attributes:
        hears_until: the monotonic instant until which nothing that was announced is news to this
            process, but for what was announced since its last round.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(name="atoll heartbeat", daemon=True)
        self.pid = os.getpid()
        self.row = Process(id=uuid.uuid4(), kind=kind, host=socket.gethostname(), pid=self.pid)
        self._ended = threading.Event()
        self.hears_until = float("-inf")
        self._heard: int | None = None
        self._missing: dict[int, float] = {}
        self._waiting_for = 0
        self._away = False
        self._pools = PoolKeeper()
        self._ear = Ear()

    def run(self) -> None:
        """Beat until stopped. Control away is no reason to end: it comes back."""
        every = placement_settings().heartbeat.total_seconds()
        pools_idle = pool_settings().pool_idle
        beats_at, called = monotonic(), False
        try:
            while not self._ended.is_set():
                if monotonic() >= beats_at:
                    # Also while control is away.
                    self._pools.close_unused(pools_idle)
                    self._do_or_tell(self.beat)
                    self._accompany(ending=False)
                    beats_at = monotonic() + every
                elif not self._away:
                    self._do_or_tell(partial(self.answer, called=called))
                called = self._ear.wait(self._pause(beats_at))
        finally:
            self._ear.close()
            self._accompany(ending=True)
            self._withdraw()
            connections.close_all()

    def stop(self) -> None:
        """End the thread, and wait a moment for it to take its row away."""
        self._ended.set()
        self._ear.startle()
        self.join(timeout=2)

    def answer(self, *, called: bool) -> None:
        """Hear what was announced, if somebody `called`, and say at once who is inside a gate."""
        if called:
            self._hear()
        gates = _gate_looks()
        if gates != self.row.gates:
            rows = Process.objects.using(CONTROL).filter(id=self.row.id)
            if rows.update(gates=gates):
                self.row.gates = dict(gates)

    def beat(self) -> None:
        """Hear what is new, say that we live, read the registry again if a shard changed."""
        self._hear()
        shards = list(Shard.objects.using(CONTROL).all())
        hold_breakers({one.name: hold for one in shards if (hold := one.hold) is not None})
        self.row.breakers = {name: look.to_json() for name, look in breaker_looks().items()}
        self.row.pools = {name: look.to_json() for name, look in self._pools.looks().items()}
        self.row.gates = dict(_gate_looks())
        self.row.registry_version = addresses.registry().version
        self.row.last_announcement = self._heard or 0
        found = (
            Process.objects.using(CONTROL)
            .filter(id=self.row.id)
            .update(
                seen_at=Now(),
                breakers=self.row.breakers,
                pools=self.row.pools,
                gates=self.row.gates,
                registry_version=self.row.registry_version,
                last_announcement=self.row.last_announcement,
            )
        )
        if not found:
            self.row.save(using=CONTROL, force_insert=True)
        # Last: with a registry that cannot be read we live on, and are seen to.
        self._reread({one.name: one.registry_version for one in shards})

    def _accompany(self, *, ending: bool) -> None:
        if not self._away:
            for work in _companions:
                work(ending)

    def _pause(self, beats_at: float) -> float:
        pause = beats_at - monotonic()
        # The row says what was told last: while control is away, nothing is.
        if not self._away and any(each["in_flight"] for each in self.row.gates.values()):
            return min(pause, _LOOKS_AGAIN_S)
        return pause

    def _do_or_tell(self, work: Callable[[], None]) -> None:
        try:
            work()
        except (DatabaseError, RegistryError) as error:
            if not self._away:
                log.warning("No heartbeat, going on without: %s", error)
            self._away = True
            connections.close_all()
            self._look_for_another_control()
        else:
            if self._away:
                log.info("The heartbeat goes on.")
            self._away = False

    def _hear(self) -> None:
        announcements = Announcement.objects.using(CONTROL)
        asked_at = monotonic()
        if self._heard is None:
            # What was said before this process began, it has read from the tables.
            self._heard = announcements.aggregate(last=Max("id"))["last"] or 0
            before = self._heard - _STARTS_BEFORE
            said = set(announcements.filter(id__gt=before).values_list("id", flat=True))
            self._miss(set(range(max(before, 0) + 1, self._heard)) - said, asked_at)
            # A gate that was closed a moment ago is closed to this process too, and it says so.
            for lately in announcements.filter(id__gt=before, at__gte=Now() - _LATE).order_by("id"):
                _tell_listeners(lately)
            # Every process that begins sweeps: so the tables stay small, whoever runs.
            purge_processes()
            purge_announcements()
        news = Q(id__gt=self._heard) | Q(id__in=list(self._missing))
        for announcement in announcements.filter(news).order_by("id"):
            _tell_listeners(announcement)
            self._miss(range(self._heard + 1, announcement.id), asked_at)
            self._missing.pop(announcement.id, None)
            self._heard = max(self._heard, announcement.id)
        self._missing = {id_: at for id_, at in self._missing.items() if at > asked_at}
        every = placement_settings().heartbeat.total_seconds()
        self.hears_until = asked_at + (1 + _BEATS_MISSED) * every

    def _miss(self, ids: Iterable[int], now: float) -> None:
        self._missing.update(dict.fromkeys(ids, now + _LATE.total_seconds()))

    def _reread(self, versions: Mapping[str, int]) -> None:
        newest = max(versions.values(), default=0)
        used = addresses.registry()
        if newest <= used.version:
            return
        fresh = addresses.read_source()
        # A file that is just being copied here may end anywhere, and still be TOML.
        kept = used.shards.keys() & versions.keys() <= fresh.shards.keys()
        if fresh.version >= newest and fresh.control is not None and kept:
            addresses.install(fresh)
            log.info("Registry %s is in use", fresh.version)
        elif self._waiting_for != newest:
            # Said once per version: whoever brings the file here is perhaps not through yet.
            self._waiting_for = newest
            log.warning("Registry %s is not on this machine yet; using %s", newest, used.version)

    def _look_for_another_control(self) -> None:
        """Where control is now, it cannot tell: a newer file may, once somebody brings one here."""
        used = addresses.registry()
        try:
            fresh = addresses.read_source()
        except RegistryError:
            return
        moved = fresh.control is not None and fresh.control != used.control
        # Half a file may be TOML as well.
        whole = used.shards.keys() <= fresh.shards.keys()
        if moved and whole and fresh.version > used.version:
            addresses.install(fresh)
            log.warning("Registry %s has another control, it is in use", fresh.version)

    def _withdraw(self) -> None:
        try:
            Process.objects.using(CONTROL).filter(id=self.row.id).delete()
        except (DatabaseError, RegistryError):
            log.info("Control does not answer; this process's row will be purged")
