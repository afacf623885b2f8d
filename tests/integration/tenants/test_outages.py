"""What is away hurts those who need it, for a bounded time, and nobody else."""

import re
import time
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from io import StringIO
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache, caches
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client
from kombu.exceptions import OperationalError as BrokerAway

from accounts.tasks import clear_sessions
from config.celery_app import app
from sharding import scope
from sharding.placements.models import Placement
from sharding.placements.services.holding import hold_shard, release_shard
from sharding.pools import deadline
from sharding.pools.breaker import BreakerState, breaker_for
from sharding.pools.errors import TooManyShards
from sharding.registry import current as registry
from tenants.cache import Doubts
from tenants.directory import lookup as module
from tenants.directory.lookup import directory, lookup, resolve
from tenants.directory.types import HostKey
from tenants.errors import CacheInDoubt, DirectoryAway
from tenants.management.commands import all_tenants_command
from tenants.management.commands.all_tenants_command import Command as AllTenantsCommand
from tenants.management.commands.tenant_command import Command as TenantCommand
from tenants.services.suspend import resume_tenant, suspend_tenant
from tests.faults.down import REFUSAL_AND_SILENCE_FIRST, Down
from tests.fixtures.breakers import becomes, breakers_on
from tests.fixtures.queues import lead_celery_to
from tests.fixtures.servers import redis_is_back
from tests.fixtures.waiting import wait_for

pytestmark = [
    pytest.mark.usefixtures("groups"),
    pytest.mark.urls("tests.integration.tenants.urls"),
]


@pytest.fixture
def through_faults(faulty, tenants, settings, monkeypatch):
    """All servers, Redis too, are reached through what can be made to fail."""
    monkeypatch.setattr("tenants.cache.doubts", Doubts())
    real = registry.registry()
    registry.install(faulty.registry)
    before = {name: dict(options) for name, options in settings.CACHES.items()}
    lead_caches_to(settings, faulty.redis_url)
    yield faulty
    registry.install(real)
    for name, options in before.items():
        settings.CACHES[name] = options
    forget_caches(settings)
    close_all()
    redis_is_back()
    deadline._met_away.__dict__.clear()  # what this thread knows of servers


def lead_caches_to(settings, url):
    for name, options in settings.CACHES.items():
        settings.CACHES[name] = {**options, "LOCATION": url}
    forget_caches(settings)


def forget_caches(settings):
    handler: Any = caches
    handler.close_all()
    for name in settings.CACHES:
        if hasattr(handler._connections, name):
            del handler[name]


def close_all():
    for wrapper in connections.all(initialized_only=True):
        wrapper.close()


def timed(client, path="/whoami/"):
    began = time.monotonic()
    answer = client.get(path)
    return answer, time.monotonic() - began


@pytest.mark.parametrize("how", REFUSAL_AND_SILENCE_FIRST)
def test_a_cached_tenant_is_served_while_control_and_redis_are_away(
    tenants, client_of, through_faults, how
):
    for tenant in tenants:
        assert client_of(tenant).get("/whoami/").status_code == 200
    # Nothing is fresh any more: every request would like to ask.
    for found in directory()._known._answers.values():
        object.__setattr__(found, "fresh_until", 0.0)
    with through_faults.down("control", how), through_faults.down("redis", how):
        waited = 0.0
        for tenant in [*tenants, *tenants]:
            answer, seconds = timed(client_of(tenant))
            assert answer.json()["groups"] == [tenant.slug]
            waited += seconds
        assert waited < 8
        # An unknown host cannot be looked up by anybody.
        answer, seconds = timed(Client(headers={"host": "nobody.localhost"}))
        assert (answer.status_code, seconds < 4) == (503, True)
        assert answer.headers["Retry-After"]


def test_a_tenant_that_is_fresh_in_memory_needs_neither_control_nor_redis_at_all(
    ann, client_of, through_faults
):
    client_of(ann).get("/whoami/")
    with through_faults.down("control", Down.SIGSTOP), through_faults.down("redis", Down.SIGSTOP):
        answer, seconds = timed(client_of(ann))
        assert answer.json()["groups"] == ["ann"]
        assert seconds < 0.25


def test_a_process_that_starts_while_control_is_away_serves_from_redis(
    ann, client_of, through_faults
):
    redis_is_back()  # the test before has taken it away
    directory.cache_clear()
    client_of(ann).get("/whoami/")
    directory.cache_clear()
    with through_faults.down("control", Down.REFUSED):
        assert client_of(ann).get("/whoami/").json()["groups"] == ["ann"]
        with pytest.raises(DirectoryAway):
            lookup("nobody.localhost")


@pytest.mark.parametrize("how", REFUSAL_AND_SILENCE_FIRST)
def test_a_shard_that_is_down_hurts_its_own_tenants_only_and_they_are_told_when_to_come_back(
    ann, cyd, client_of, through_faults, how
):
    client_of(cyd).get("/whoami/")
    with through_faults.down("beta", how):
        answer, seconds = timed(client_of(cyd, raise_request_exception=False))
        if how is Down.SLOW:
            assert answer.status_code in (200, 503)
        else:
            assert answer.status_code == 503
            assert answer.headers["Retry-After"] == "2"
        assert seconds < 12
        answer, seconds = timed(client_of(ann))
        assert (answer.status_code, seconds < 1) == (200, True)
    close_all()
    time.sleep(0.6)  # so long a thread that has met it away does not try again
    assert client_of(cyd).get("/whoami/").status_code == 200


def test_two_shards_away_at_once_hurt_their_own_only(ann, cyd, client_of, through_faults):
    for tenant in (ann, cyd):
        client_of(tenant).get("/whoami/")
    console = Client(headers={"host": "console.localhost"}, raise_request_exception=False)
    with through_faults.down("alpha", Down.SIGSTOP), through_faults.down("beta", Down.REFUSED):
        for tenant in (ann, cyd, ann):
            answer, seconds = timed(client_of(tenant, raise_request_exception=False))
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
            assert seconds < 5
        # Whose URLs these are does not matter: without a shard a host of ours is answered.
        answer, seconds = timed(console, "/nowhere/")
        assert (answer.status_code, seconds < 1) == (404, True)
    close_all()
    time.sleep(0.6)
    for tenant in (ann, cyd):
        assert client_of(tenant).get("/whoami/").status_code == 200


@pytest.mark.slow
def test_control_and_a_shard_away_at_once_leave_the_others_their_cached_tenants(
    ann, cyd, client_of, through_faults
):
    for tenant in (ann, cyd):
        client_of(tenant).get("/whoami/")
    for found in directory()._known._answers.values():
        object.__setattr__(found, "fresh_until", 0.0)
    caches["control"].clear()
    with through_faults.down("control", Down.SIGSTOP), through_faults.down("beta", Down.SIGSTOP):
        answer, _ = timed(client_of(cyd, raise_request_exception=False))
        assert answer.status_code == 503
        answer, seconds = timed(client_of(ann))
        assert (answer.json()["groups"], seconds < 5) == (["ann"], True)
    close_all()
    time.sleep(0.6)
    assert client_of(cyd).get("/whoami/").status_code == 200


@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=[pytest.mark.slow] * (how is not Down.SIGSTOP)) for how in Down]
)
def test_a_task_that_the_broker_does_not_take_fails_in_two_seconds(ann, through_faults, how):
    before = app.conf.broker_url
    lead_celery_to(urlsplit(through_faults.redis_url)._replace(path="/1").geturl())
    try:
        with ann.scope():
            clear_sessions.delay()
            with through_faults.down("redis", how):
                waited = []
                for _ in range(2):
                    began = time.monotonic()
                    with pytest.raises(BrokerAway):
                        clear_sessions.delay()
                    waited.append(time.monotonic() - began)
            assert min(waited) < 2
    finally:
        lead_celery_to(before)


def test_sessions_need_no_redis(ann, client_of, through_faults):
    client = client_of(ann)
    with through_faults.down("redis", Down.REFUSED):
        assert client.get("/session/").json()["seen"] == []
        assert client.get("/session/").json()["seen"] == [ann.id]
    assert client.get("/session/").json()["seen"] == [ann.id, ann.id]


@pytest.mark.parametrize("how", REFUSAL_AND_SILENCE_FIRST)
def test_a_command_for_all_leaves_out_a_shard_that_is_away(tenants, ann, cyd, through_faults, how):
    """With breakers, as commands run: one that is slow is away to them, and left out as well."""
    said = StringIO()
    with breakers_on(ATOLL_PROBE_SECONDS="1"):
        with through_faults.down("beta", how):
            began = time.monotonic()
            with pytest.raises(
                CommandError, match=r"^Left out \d+ of \d+, .* beta .*: .*cyd"
            ) as refused:
                AllTenantsCommand(stderr=said, stdout=StringIO()).handle("clearsessions")
            assert time.monotonic() - began < 60
        close_all()
        becomes("beta", BreakerState.CLOSED)
        deadline._met_away.__dict__.clear()
        with cyd.scope():
            clear_sessions()
    assert refused.value.returncode == 1
    assert "=== ann" in said.getvalue()
    # By name, others of that shard may have come before cyd.
    assert re.search(r"^\S+: A server does not answer: ", said.getvalue(), re.MULTILINE)
    assert said.getvalue().count("beta is left out from here on: it does not answer") == 1


@pytest.mark.parametrize("how", REFUSAL_AND_SILENCE_FIRST)
def test_a_command_for_one_ends_soon_where_its_shard_is_away(ann, cyd, through_faults, how):
    with breakers_on(ATOLL_PROBE_SECONDS="1"), through_faults.down("beta", how):
        breaker_for("beta").suspect("somebody met it")
        becomes("beta", BreakerState.OPEN)
        # Nobody waits for what is known to be away.
        with pytest.raises(CommandError, match="The server beta is known to be away") as told:
            TenantCommand().handle("-t", "cyd", "clearsessions")
        assert told.value.returncode == 1
        TenantCommand().handle("-t", "ann", "clearsessions")


@pytest.fixture
def held(stack_ready):
    hold_shard("beta", reason="new disks")
    yield
    release_shard("beta")


def test_commands_leave_out_what_an_operator_holds(tenants, ann, cyd, held):
    """They have no heartbeat that would tell them; so they ask."""
    said = StringIO()
    with pytest.raises(CommandError, match=r"Left out \d+ of \d+, whose shard beta is held: .*cyd"):
        AllTenantsCommand(stderr=said, stdout=StringIO()).handle("clearsessions")
    assert "=== ann" in said.getvalue()
    assert said.getvalue().count("is held") == 2
    for_one = partial(TenantCommand().handle, "-t", "cyd", "clearsessions")
    for command in (for_one, partial(call_command, "retry_outbox", "cyd")):
        with pytest.raises(CommandError, match=r"Shard 'beta' is held .*: new disks") as told:
            command()
        assert told.value.returncode == 1
    TenantCommand().handle("-t", "ann", "clearsessions")


def test_they_go_there_again_when_it_is_released(cyd):
    hold_shard("beta", reason="new disks")
    release_shard("beta")
    TenantCommand().handle("-t", "cyd", "clearsessions")


@pytest.fixture
def far_shards(settings):
    """Shards that nobody will ask anything, and more of them than a process may meet twice over."""
    known = registry.registry()
    nobody = replace(known.shards["alpha"].direct, port=1)
    names = [f"far{n:02d}" for n in range(45)]
    far = {
        name: replace(known.shards["alpha"], name=name, direct=at, pooled=at)
        for name in names
        for at in [replace(nobody, dbname=name)]
    }
    groups = [
        f"{n}=1x1:{','.join(names[at : at + 15])}" for n, at in zip("abc", (0, 15, 30), strict=True)
    ]
    settings.ATOLL_PROCESS_GROUPS = " ".join(["near=1x1:alpha,beta", *groups])
    registry.install(replace(known, shards={**known.shards, **far}))
    yield iter(names)
    close_all()
    registry.install(known)


def test_a_command_for_all_goes_to_more_shards_than_a_process_may_serve(
    tenants, ann, cyd, far_shards
):
    handler = cast(Any, connections)

    def meet_as_many_as_may_be():
        for name in far_shards:
            try:
                with scope.enter(replace(ann.place, shard=name)):
                    assert connections[name].alias == name
            except TooManyShards:
                return name
        raise AssertionError("there are too few")

    # Among the first may be alpha and beta, from tests before.
    handler.make_room_for(meet_as_many_as_may_be())
    meet_as_many_as_may_be()
    with pytest.raises(TooManyShards), ann.scope():
        connections["alpha"].alias  # noqa: B018 - made
    said = StringIO()
    AllTenantsCommand(stderr=said, stdout=StringIO()).handle("clearsessions")
    # On alpha and on beta; other tests of this process may have tenants there too.
    assert {line.split()[1] for line in said.getvalue().splitlines()} >= {"ann", "bob", "cyd"}


def test_a_command_for_all_stops_when_control_goes_away(tenants, through_faults, monkeypatch):
    said = StringIO()
    run = all_tenants_command.run_for

    def run_and_lose_control(tenant, *words):
        if not outage:
            outage.append(stack.enter_context(through_faults.down("control", Down.REFUSED)))
        return run(tenant, *words)

    outage: list[None] = []
    with ExitStack() as stack:
        monkeypatch.setattr(all_tenants_command, "run_for", run_and_lose_control)
        with pytest.raises(
            CommandError, match=r"^Stopped after 0 of \d+: A server does not answer"
        ):
            AllTenantsCommand(stderr=said, stdout=StringIO()).handle("clearsessions")
    assert said.getvalue().count("===") == 1


def test_a_plain_error_stays_an_error(ann, client_of):
    client = client_of(ann, raise_request_exception=False)
    assert client.get("/write_and_fail/").status_code == 500


@pytest.mark.parametrize("how", [Down.REFUSED, Down.SIGSTOP])
def test_after_a_write_that_redis_did_not_take_nothing_old_is_read(
    ann, bob, through_faults, settings, how
):
    # What Redis did not forget of the directory is believed for so long.
    settings.ATOLL_DIRECTORY_SECONDS = 0.5
    directory.cache_clear()
    old = ann.place
    with bob.scope():
        cache.set("k", "bob's")
    with scope.enter(old):
        cache.set("k", "old")
        assert cache.get("k") == "old"
    with through_faults.down("redis", how), scope.enter(old):
        cache.delete("k")  # stopped, it may do so later, when somebody has set a newer one
    time.sleep(1.1)  # the breaker
    with scope.enter(old):
        assert cache.get("k") is None
        cache.set("k", "not kept either")
        assert cache.get("k") is None
    now = Placement.objects.using("control").get(tenant_id=ann.id).to_scope()
    assert now.generation != old.generation
    with scope.enter(now):
        assert cache.get("k") is None
        cache.set("k", "new")
        assert cache.get("k") == "new"
    with bob.scope():
        assert cache.get("k") == "bob's"
    wait_for(lambda: resolve(ann.id) == now)


@pytest.fixture
def generations_while_redis_hangs(ann, through_faults):
    """A tenant writes to its cache all the time for three seconds: the keys that it had."""
    seen = []
    with through_faults.down("redis", Down.SIGSTOP):
        ends, writes = time.monotonic() + 3, 0
        while time.monotonic() < ends:
            place = ann.place
            if place.generation not in seen:
                seen.append(place.generation)
            with scope.enter(place):
                cache.set("k", writes)
                assert cache.get("k") is None
            writes += 1
    assert writes > 100, "it waits for a quarter of a second once a second at most"
    return seen


def test_while_redis_hangs_control_is_asked_for_new_keys_now_and_then_only(
    ann, generations_while_redis_hangs
):
    assert 2 <= len(generations_while_redis_hangs) <= 3

    def is_cached():
        with scope.enter(ann.place):
            cache.set("k", "new")
            return cache.get("k") == "new"

    wait_for(is_cached, "it goes without cache for ever", seconds=20)
    assert ann.place.generation not in generations_while_redis_hangs, "none that it may have met"


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(Doubts, "_waits", lambda self, tenant_id: 0.0)


def test_negative_control_impatient_it_is_asked_for_each_write(
    impatient, generations_while_redis_hangs
):
    assert len(generations_while_redis_hangs) > 20


def verdict(asked, key):
    entry = asked.lookup(key)
    assert entry is not None
    return entry.verdict


def test_a_change_is_seen_at_once_where_it_is_made_and_soon_elsewhere(ann):
    here, elsewhere = directory(), module.Directory(10, 0.3)
    key = HostKey(ann.host)
    assert verdict(here, key) == verdict(elsewhere, key) == "serve"
    suspend_tenant("ann")
    try:
        assert verdict(here, key) == "suspended"
        assert verdict(elsewhere, key) == "serve"  # it has not heard; that is no harm
        time.sleep(0.35)
        assert verdict(elsewhere, key) == "suspended"
    finally:
        resume_tenant("ann")


def test_an_announcement_that_is_heard_makes_others_ask_at_once(ann):
    from sharding.placements.models import Announcement
    from tenants.directory import changes

    key = HostKey(ann.host)
    directory().lookup(key)
    suspend_tenant("ann")
    try:
        # As if another process had done it: this one still remembers.
        directory()._known.put(key, None, fresh_for=99)
        changes.hear(Announcement.objects.using("control").latest("id"))
        assert verdict(directory(), key) == "suspended"
    finally:
        resume_tenant("ann")


EXTRAS_READ = [
    (["ttl", "k"], None, 0),
    (["pttl", "k"], None, 0),
    (["keys", "*"], None, []),
    (["sismember", "s", "m"], True, False),
    (["smembers", "s"], {"m"}, set()),
    (["hexists", "h", "f"], True, False),
    (["hkeys", "h"], ["f"], []),
    (["zcard", "z"], 1, 0),
    (["zscore", "z", "m"], 1.0, None),
]
EXTRAS_WRITTEN = [
    (["persist", "k"], False),
    (["expire", "k", 100], False),
    (["sadd", "s", "more"], 0),
    (["hset", "h", "g", 1], 0),
    (["zadd", "z", {"more": 2}], 0),
    (["spop", "s"], None),
]


def test_what_django_redis_can_do_more_is_passed_by_as_well(ann, bob, through_faults):
    def ask(name, *arguments):
        return getattr(cache, name)(*arguments)

    old = ann.place
    with scope.enter(old):
        cache.set("k", "old", 60)
        cache.sadd("s", "m")
        cache.hset("h", "f", 1)
        cache.zadd("z", {"m": 1})
        for words, well, empty in EXTRAS_READ:
            found = ask(*words)
            assert found != empty, words
            assert well in (None, found), words
        with cache.lock("l", timeout=5):
            pass
    with through_faults.down("redis", Down.REFUSED), scope.enter(old):
        assert cache.expire("k", 1) is False
    time.sleep(1.1)  # the breaker
    with scope.enter(old):
        for words, _, empty in EXTRAS_READ:
            assert ask(*words) == empty, words
        assert list(cache.iter_keys("*")) == []
        for words, empty in EXTRAS_WRITTEN:
            assert ask(*words) == empty, words
        with pytest.raises(CacheInDoubt, match="keep nobody out"):
            cache.lock("l")
    with bob.scope():
        assert cache.sadd("s", "m") == 1
        assert cache.smembers("s") == {"m"}
        cache.clear()
