"""Whoever has messages left is found, also when the broker or a shard is away."""

import json
import os
import signal
import time
from io import StringIO

import pytest
import redis
from django.conf import settings
from django.core.management import call_command
from django.db import connection, connections
from psycopg import sql

from config.celery_app import app
from sharding import scope
from sharding.registry import current as addresses
from sharding.schemas import names
from sharding.schemas.connections import own_connection
from tenants.models import Tenant
from tenants.outbox.services import asking
from tenants.outbox.services.drain import drain
from tenants.outbox.services.sweep import believed_everywhere, sweep
from tenants.outbox.tasks import drain_outbox, sweep_outboxes
from tenants.services.suspend import resume_tenant, suspend_tenant
from tests.fixtures.queues import lead_celery_to
from tests.fixtures.servers import redis_is_back


@pytest.fixture(autouse=True)
def queues(stack_ready):
    """The real broker, empty; lists who was asked to drain, by queue."""
    before = app.conf.broker_url
    lead_celery_to(settings.CELERY_BROKER_URL)
    broker = redis.Redis.from_url(settings.CELERY_BROKER_URL)
    broker.flushdb()
    asking.forget()
    forget_messages_of_all()

    def asked(queue):
        found = [json.loads(message)["headers"] for message in broker.lrange(queue, 0, -1)]
        broker.delete(queue)
        return [headers["atoll_tenant"] for headers in found]

    yield asked
    broker.close()
    lead_celery_to(before)
    asking.forget()


def forget_messages_of_all():
    """What the tests before these have told, nobody was there to deliver."""
    for server in addresses.registry().shards.values():
        with own_connection(server) as own:
            for (table,) in own.execute(_OUTBOXES, (names.GUARD,)).fetchall():
                own.execute(sql.SQL("TRUNCATE {}").format(sql.SQL(table)))
            own.execute(_COUNT_NOW)


# What a move has left armed refuses even this; nobody is served from it, and nobody delivers.
_OUTBOXES = """
    SELECT c.oid::regclass::text FROM pg_class c
    WHERE c.relname IN ('outbox_message', 'outbox_parked') AND c.relkind = 'r'
      AND NOT EXISTS (
          SELECT FROM pg_trigger t
          WHERE t.tgrelid = c.oid AND t.tgname = %s AND t.tgenabled <> 'D'
      )
"""

# A session tells what it has written a second late, or when it ends: after an ANALYZE, perhaps.
_COUNT_NOW = "SELECT pg_stat_force_next_flush()"


def settle(*places):
    """Let the servers' statistics say what is there, as they would by themselves in seconds."""
    for place in places:
        with scope.enter(place), connection.cursor() as cursor:
            cursor.execute(_COUNT_NOW)
        with own_connection(addresses.shard(place.shard)) as own:
            own.execute(f"ANALYZE {place.schema}.outbox_message")


def test_a_transaction_asks_once_for_its_tenant_when_it_is_committed(
    fig, hop, tell, deliveries, queues
):
    tell(fig, "one", "two", "three")
    tell(hop, "four")
    assert queues("shard.alpha") == [fig.tenant_id]
    assert queues("shard.beta") == [hop.tenant_id]


def test_the_sweep_asks_for_those_who_have_messages_and_for_nobody_else(
    fig, gum, hop, tell, deliveries, queues
):
    tell(fig, "one")
    tell(hop, "two")
    queues("shard.alpha"), queues("shard.beta")
    settle(fig, gum, hop)
    sweep_outboxes.apply()
    assert (queues("shard.alpha"), queues("shard.beta")) == ([fig.tenant_id], [hop.tenant_id])
    said = StringIO()
    call_command("outbox_status", json=True, stdout=said)
    found = json.loads(said.getvalue())
    assert [(line["slug"], line["waiting"]) for line in found["lines"]] == [("fig", 1), ("hop", 1)]


def test_statistics_that_say_too_much_cost_one_look_and_are_set_right(
    fig, tell, deliveries, queues
):
    for _ in range(10):
        tell(fig, "one")
        settle(fig)
        with scope.enter(fig):
            drain()
        if believed_of(fig):  # the server has not counted the delete yet
            break
    assert believed_of(fig)
    queues("shard.alpha")
    assert sweep(drain_outbox) == 0
    assert queues("shard.alpha") == []
    assert not believed_of(fig)


def believed_of(place):
    (found,) = (one for one in believed_everywhere() if one.shard == place.shard)
    return found.waiting.get(place.schema)


def test_a_suspended_tenants_messages_are_delivered_as_well(fig, tell, deliveries, queues):
    tell(fig, "one")
    settle(fig)
    queues("shard.alpha")
    tenant = Tenant.objects.using("control").get(id=fig.tenant_id)
    suspend_tenant(tenant)
    try:
        assert sweep(drain_outbox) == 1
    finally:
        resume_tenant(tenant)
    assert queues("shard.alpha") == [fig.tenant_id]


def test_a_shard_that_is_down_is_told_and_the_others_are_swept(
    stack, fig, hop, tell, deliveries, queues, caplog
):
    tell(fig, "one")
    tell(hop, "two")
    queues("shard.alpha"), queues("shard.beta")
    settle(fig, hop)
    connections.close_all()
    stack.stop_server("beta")
    try:
        assert sweep(drain_outbox) == 1
        assert "outboxes of beta: away" in caplog.text
        assert queues("shard.alpha") == [fig.tenant_id]
        with scope.enter(fig):
            drain()
        settle(fig)
        out, problems = StringIO(), StringIO()
        call_command("outbox_status", stdout=out, stderr=problems)
        assert out.getvalue() == "Nothing waits, nothing is parked where it could be looked.\n"
        assert problems.getvalue().startswith("beta: away")
    finally:
        stack.start_server("beta")
    out = StringIO()
    call_command("outbox_status", stdout=out)
    assert [line.split()[0] for line in out.getvalue().splitlines()] == ["SLUG", "hop"]


@pytest.mark.parametrize("how", ["refused", "frozen"])
def test_a_broker_that_is_away_neither_fails_nor_holds_up_who_publishes(
    stack, fig, tell, deliveries, queues, how
):
    tell(fig, "warm up")
    if how == "frozen":
        pid = int(redis.Redis.from_url(settings.CELERY_BROKER_URL).info("server")["process_id"])
        os.kill(pid, signal.SIGSTOP)
    else:
        stack.stop_server("redis")
    try:
        first = timed(lambda: tell(fig, "one"))
        second = timed(lambda: tell(fig, "two"))
    finally:
        if how == "frozen":
            os.kill(pid, signal.SIGCONT)
        else:
            stack.start_server("redis")
            redis_is_back()
    assert first < 1.5
    assert second < 0.1, "nobody asks a broker that was away a moment ago"
    settle(fig)
    lead_celery_to(settings.CELERY_BROKER_URL)
    assert sweep(drain_outbox) == 1
    with scope.enter(fig):
        drain()
    assert deliveries.of(fig) == ["warm up", "one", "two"]


def timed(do):
    started = time.monotonic()
    do()
    return time.monotonic() - started
