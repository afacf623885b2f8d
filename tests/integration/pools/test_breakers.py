"""A server that is down is found out in half a second, and nobody waits for it any more."""

import asyncio
import multiprocessing
import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic

import psycopg
import pytest

from config.observability import metrics
from config.observability.publishing import publish
from sharding.pools import breaker as module
from sharding.pools.breaker import BreakerState, Hold, breaker_for, breaker_looks, hold_breakers
from sharding.pools.deadline import Heeds, async_deadlined_for, deadlined_for
from sharding.pools.errors import ShardAway
from sharding.registry import current as registry
from sharding.registry.toml_file import write_registry
from tests.faults.down import Down
from tests.fixtures.breakers import becomes, breakers_on
from tests.fixtures.waiting import wait_for

CLOSED, SUSPECTED, OPEN, HELD = BreakerState
SLACK_S = 1.0
"""What a busy machine may add; the cap, at which a wait ends by itself, is far above."""
CAP_S = 3.5
ROOT = Path(__file__).parents[3]

quick = [Down.REFUSED, Down.SIGSTOP]
long = [pytest.param(how, marks=pytest.mark.slow) for how in (Down.BLACKHOLE, Down.SLOW)]


@pytest.fixture
def servers(faulty):
    """alpha and beta, each behind a proxy that can misbehave, with breakers."""
    before = registry.registry()
    registry.install(faulty.registry)
    with breakers_on():
        yield faulty
    registry.install(before)


def address(name):
    server = registry.shard(name)
    return {
        "host": server.pooled.host,
        "port": server.pooled.port,
        "dbname": server.pooled.dbname,
        "user": server.web.user,
        "password": server.web.password,
        "autocommit": True,
        "connect_timeout": 2,
    }


def connected(name="beta", heeds=Heeds.AWAY):
    made = deadlined_for(name, heeds).connect(**address(name))
    made.execute("SELECT 1")
    return made


def state(name="beta"):
    return breaker_for(name).look().state


def hold():
    return Hold("vacuum", datetime.now(UTC))


def seconds_of(work):
    began = monotonic()
    work()
    return monotonic() - began


def gives_up(connection, statement="SELECT 1"):
    with pytest.raises(psycopg.OperationalError):
        connection.execute(statement)


def cannot_connect():
    with pytest.raises(psycopg.OperationalError):
        connected()


@pytest.mark.parametrize("how", [*quick, *long])
def test_a_server_that_is_down_is_known_to_be_and_known_to_be_back(servers, how):
    kept, elsewhere = connected(), connected("alpha")
    with servers.down("beta", how):
        assert seconds_of(lambda: gives_up(kept)) < 0.6 + SLACK_S
        becomes("beta", OPEN, seconds=0.6 + SLACK_S)
        assert kept.closed
        look = breaker_for("beta").look()
        assert look.reason
        assert look.opened == 1
        for _ in range(3):
            with pytest.raises(ShardAway, match="known to be away"):
                connected()
        assert state("alpha") is CLOSED
        elsewhere.execute("SELECT 1")
    becomes("beta", CLOSED)
    connected().close()
    assert breaker_for("beta").look().reason == look.reason, "what it was is remembered"
    elsewhere.close()


def figures(name, **labels):
    """What a scraper would read of beta now; 0 where it would read nothing."""
    publish()
    return metrics.REGISTRY.get_sample_value(name, {"server": "beta", **labels}) or 0


def test_figures_tell_its_state_since_when_and_how_often_it_has_opened(servers):
    opened = figures("atoll_breaker_opened_total")
    with servers.down("beta", Down.REFUSED):
        breaker_for("beta").suspect("test")
        becomes("beta", OPEN)
        assert figures("atoll_server_away") == 1
        told = {state: figures("atoll_breaker_processes", state=state) for state in BreakerState}
        assert told == {CLOSED: 0, SUSPECTED: 0, OPEN: 1, HELD: 0}
        since = breaker_for("beta").look().since.timestamp()
        assert figures("atoll_breaker_since_seconds") == since
        assert figures("atoll_breaker_opened_total") == opened + 1
    becomes("beta", CLOSED)
    assert figures("atoll_server_away") == 0
    assert figures("atoll_breaker_processes", state=OPEN) == 0
    assert figures("atoll_breaker_processes", state=CLOSED) == 1
    assert figures("atoll_breaker_opened_total") == opened + 1


def test_all_who_wait_are_freed_when_it_opens_threads_and_tasks(servers):
    kept = [connected() for _ in range(6)]
    freed, opened = [], []

    def wait_on(connection):
        gives_up(connection)
        freed.append(monotonic())

    async def wait_as_task():
        twin = await async_deadlined_for("beta").connect(**address("beta"))
        servers.stack.sigstop("beta")
        waiting = [threading.Thread(target=wait_on, args=(each,)) for each in kept]
        for each in waiting:
            each.start()
        with pytest.raises(ShardAway):
            await twin.execute("SELECT 1")
        freed.append(monotonic())
        opened.append(breaker_for("beta").look())
        for each in waiting:
            await asyncio.to_thread(each.join)

    try:
        began = monotonic()
        asyncio.run(wait_as_task())
    finally:
        servers.stack.sigcont("beta")
    assert [look.state for look in opened] == [OPEN]
    assert len(freed) == len(kept) + 1
    assert max(freed) - began < 0.6 + SLACK_S
    becomes("beta", CLOSED)


def test_negative_control_without_breakers_its_tenants_wait_for_the_deadline(servers, settings):
    settings.ATOLL_BREAKERS = False
    module.forget_breakers().stop()
    kept = connected()
    kept.cap = 1.5
    with servers.down("beta", Down.SIGSTOP):
        assert seconds_of(lambda: gives_up(kept)) >= 1.5
        assert breaker_looks() == {}
        assert seconds_of(cannot_connect) > 1.5


def test_heavy_statements_are_looked_into_and_go_on_being_served(servers):
    kept = [connected() for _ in range(8)]
    done = []

    def work(connection):
        connection.execute("SELECT pg_sleep(0.8)")
        done.append(connection)

    working = [threading.Thread(target=work, args=(each,)) for each in kept]
    for each in working:
        each.start()
    watching = servers.stack.admin_conninfo("beta", "postgres")
    with psycopg.connect(watching, autocommit=True) as admin:
        ask = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'atoll probe'"
        wait_for(lambda: admin.execute(ask).fetchone() == (1,), "nobody was asked")
    for each in working:
        each.join()
    assert len(done) == len(kept)
    becomes("beta", CLOSED)
    look = breaker_for("beta").look()
    assert look.opened == 0
    assert "no answer for 0." in look.reason
    for each in kept:
        each.close()


def test_what_a_statement_did_wrong_makes_nobody_suspect_its_server(servers):
    kept = connected()
    kept.execute("SET statement_timeout = 30")
    for statement in ("SELECT pg_sleep(9)", "SELECT nothing", "SELECT 1/0"):
        with pytest.raises(psycopg.Error):
            kept.execute(statement)
    assert not kept.closed
    assert breaker_for("beta").look().reason == ""
    kept.close()


def test_a_session_that_was_ended_is_looked_into_and_nobody_is_refused(servers):
    kept = connected()
    pid = kept.info.backend_pid
    with psycopg.connect(servers.stack.admin_conninfo("beta", "postgres")) as admin:
        admin.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
    gives_up(kept)
    assert "a statement failed" in breaker_for("beta").look().reason
    becomes("beta", CLOSED)
    assert breaker_for("beta").look().opened == 0


def test_the_probe_sees_through_its_own_connection_that_a_restart_has_ended(servers):
    breaker_for("beta").suspect("test")
    becomes("beta", CLOSED)
    servers.proxy("beta").reset_all()
    breaker_for("beta").suspect("test")
    becomes("beta", CLOSED)
    assert breaker_for("beta").look().opened == 0


def starve(seconds, turn=0.1):
    """Keep the watcher's loop from looking around but once in a while, for so long."""
    loop = module._watcher._loop
    ends = monotonic() + seconds

    def take_a_turn():
        time.sleep(turn)
        if monotonic() < ends:
            loop.call_soon(take_a_turn)

    loop.call_soon_threadsafe(take_a_turn)


def test_a_process_that_gets_no_cpu_does_not_take_its_servers_for_away(servers):
    breaker_for("alpha").suspect("wakes the watcher")
    becomes("alpha", CLOSED)
    starve(3)
    breaker_for("beta").suspect("test")
    becomes("beta", CLOSED)
    assert breaker_for("beta").look().opened == 0


def test_but_it_finds_out_that_one_is(servers):
    breaker_for("alpha").suspect("wakes the watcher")
    becomes("alpha", CLOSED)
    with servers.down("beta", Down.SIGSTOP):
        starve(20)
        breaker_for("beta").suspect("test")
        becomes("beta", OPEN)
        assert breaker_for("beta").look().opened == 1
        module.forget_breakers().stop()


def test_its_time_can_be_each_servers_own(servers, settings):
    settings.ATOLL_PROBE_SECONDS = "0.25 beta=1.5"
    module.forget_breakers().stop()
    with servers.down("beta", Down.SIGSTOP):
        began = monotonic()
        breaker_for("beta").suspect("test")
        becomes("beta", OPEN)
        assert monotonic() - began > 1.4
    becomes("beta", CLOSED)


def test_what_is_held_is_refused_though_it_is_well_and_its_owner_may_work(servers):
    kept, owners = connected(), connected(heeds=Heeds.OPEN)
    hold_breakers({"beta": hold()})
    assert state() is HELD
    assert state("alpha") is CLOSED
    with pytest.raises(ShardAway):
        kept.execute("SELECT 1")
    with pytest.raises(ShardAway):
        connected()
    owners.execute("SELECT 1")
    owners.close()
    hold_breakers({})
    assert state() is OPEN, "first it is asked"
    becomes("beta", CLOSED)
    connected().close()


def test_what_is_refused_was_never_sent(servers):
    kept = connected()
    dbname = registry.shard("beta").pooled.dbname
    with psycopg.connect(servers.stack.admin_conninfo("beta", dbname), autocommit=True) as admin:
        admin.execute("LISTEN of_this_test")
        kept.execute("NOTIFY of_this_test, 'sent'")
        hold_breakers({"beta": hold()})
        gives_up(kept, "NOTIFY of_this_test, 'refused'")
        assert [told.payload for told in admin.notifies(timeout=0.3)] == ["sent"]


def in_child(answers):
    answers.put(sorted((name, str(look.state)) for name, look in breaker_looks().items()))
    breaker_for("beta").suspect("in the child")
    becomes("beta", OPEN)
    answers.put("open")


@pytest.mark.filterwarnings("ignore:This process.*multi-threaded:DeprecationWarning")
def test_a_forked_child_watches_for_itself_and_leaves_the_parents_probe_alone(servers):
    breaker_for("beta").suspect("the parent's probe is connected")
    becomes("beta", CLOSED)
    hold_breakers({"alpha": hold()})
    fork = multiprocessing.get_context("fork")
    answers = fork.Queue()
    with servers.down("beta", Down.REFUSED):
        child = fork.Process(target=in_child, args=(answers,))
        child.start()
        assert answers.get(timeout=20) == [("alpha", "held")]
        assert answers.get(timeout=20) == "open"
        child.join(20)
    assert child.exitcode == 0
    assert state() is CLOSED
    breaker_for("beta").suspect("test")
    becomes("beta", CLOSED)
    assert breaker_for("beta").look().opened == 0


ENDING = """
import django; django.setup()
from sharding.pools.breaker import breaker_for
import time
breaker_for("beta").suspect("test")
time.sleep(0.1)
"""


def test_a_process_ends_while_it_asks(servers, tmp_path):
    write_registry(tmp_path / "registry.toml", registry.registry())
    environment = {
        **os.environ,
        "ATOLL_REGISTRY": str(tmp_path / "registry.toml"),
        "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        "PYTHONPATH": f"{ROOT}:{ROOT / 'platform'}",
    }
    with servers.down("beta", Down.SIGSTOP):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", ENDING],
            check=False,
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
        )
    assert (done.returncode, done.stderr) == (0, "")
