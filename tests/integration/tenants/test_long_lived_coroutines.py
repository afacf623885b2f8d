"""A coroutine that lives on between messages, as a Channels consumer does: a scope per message."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import Group
from django.core.cache import cache
from django.db import connections

from sharding import scope
from tests.integration.tenants.urls import names

pytestmark = pytest.mark.usefixtures("groups")


class Consumer:
    """Handles one message after the other, whosever they are, until it is told to stop."""

    def __init__(self):
        self.inbox: asyncio.Queue[str | None] = asyncio.Queue()
        self.answers = []
        self.between = []

    async def run(self):
        while (tenant_id := await self.inbox.get()) is not None:
            await self.receive(tenant_id)
            self.between.append(scope.current())

    async def receive(self, tenant_id):
        place = await sync_to_async(scope.resolve)(tenant_id)
        with scope.enter(place):
            self.answers.append((tenant_id, await answer()))


class HoldsOn(Consumer):
    """What one must not write: it enters when the socket opens, with the first message."""

    async def run(self):
        first = await self.inbox.get()
        assert first is not None
        with scope.enter(await sync_to_async(scope.resolve)(first)):
            self.answers.append((first, await answer()))
            while (tenant_id := await self.inbox.get()) is not None:
                self.answers.append((tenant_id, await answer()))


async def answer():
    """The tenant's rows, three ways, giving way to other coroutines in between."""
    found = [[group.name async for group in Group.objects.all()]]
    await asyncio.sleep(0)
    found.append(await sync_to_async(names)())
    await cache.aset("last", found[0])
    await asyncio.sleep(0)
    found.append(await cache.aget("last"))
    return found


@asynccontextmanager
async def running(*consumers) -> AsyncIterator[None]:
    tasks = [asyncio.create_task(each.run()) for each in consumers]
    try:
        yield
        for each in consumers:
            each.inbox.put_nowait(None)
        await asyncio.gather(*tasks)
    finally:
        # Those of the thread in which the loop runs what is not async.
        await sync_to_async(connections.close_all)()


@pytest.mark.parametrize("pair", [(0, 1), (1, 0), (0, 2)], ids=["ann bob", "bob ann", "two shards"])
def test_messages_of_two_tenants_in_turn_read_their_own(tenants, pair):
    one, other = (tenants[index] for index in pair)

    async def work():
        consumers = [Consumer(), Consumer()]
        async with running(*consumers):
            for _ in range(4):
                # At every moment one handles a message of the one, the other of the other.
                for consumer, tenant in zip(consumers * 2, (one, other, other, one), strict=True):
                    consumer.inbox.put_nowait(tenant.id)
                    await asyncio.sleep(0)
        return consumers

    first, second = asyncio.run(work())
    said = {tenant.id: [[tenant.slug]] * 3 for tenant in (one, other)}
    assert first.answers == [(each.id, said[each.id]) for each in (one, other) * 4]
    assert second.answers == [(each.id, said[each.id]) for each in (other, one) * 4]
    assert first.between == second.between == [None] * 8


def test_negative_control_a_scope_held_between_messages_answers_for_the_wrong_tenant(ann, bob):
    async def work():
        consumer = HoldsOn()
        async with running(consumer):
            for tenant in (ann, bob):
                consumer.inbox.put_nowait(tenant.id)
        return consumer.answers

    assert asyncio.run(work()) == [(ann.id, [["ann"]] * 3), (bob.id, [["ann"]] * 3)]


def test_between_messages_nothing_is_read(ann):
    async def work():
        consumer = Consumer()
        async with running(consumer):
            consumer.inbox.put_nowait(ann.id)
            await asyncio.sleep(0)
            with pytest.raises(scope.NoTenantInScope):
                await answer()

    asyncio.run(work())
