"""A probe waits by a clock that stands still while its process gets no CPU."""

import asyncio
import time
from time import monotonic

from sharding.pools.breaking.patience import LOOK_S, done_within

SECONDS = 10 * LOOK_S
HOG_S = 0.1


async def hog(until: asyncio.Event) -> None:
    """Keep the loop from looking around."""
    while not until.is_set():
        time.sleep(HOG_S)  # noqa: ASYNC251 - this is what it is about
        await asyncio.sleep(0)


def waited(answer_after_s: float, *, starved: bool) -> tuple[bool, float]:
    """Whether an answer that is there after so long is taken, and how long that took."""

    async def wait() -> tuple[bool, float]:
        over = asyncio.Event()
        hogging = asyncio.create_task(hog(over)) if starved else None
        answer = asyncio.get_running_loop().create_future()
        asyncio.get_running_loop().call_later(answer_after_s, answer.set_result, None)
        began = monotonic()
        was_done = await done_within(SECONDS, answer)
        took = monotonic() - began
        over.set()
        if hogging is not None:
            await hogging
        return was_done, took

    return asyncio.run(wait())


def test_an_answer_in_time_is_one():
    assert waited(SECONDS / 5, starved=False)[0]


def test_one_that_does_not_come_is_not_waited_for():
    was_done, took = waited(3600, starved=False)
    assert not was_done
    assert took >= SECONDS * 0.9


def test_a_process_that_gets_no_cpu_gives_its_server_longer():
    was_done, took = waited(SECONDS * 2, starved=True)
    assert was_done, "by the wall clock it would have been given up"
    assert took > SECONDS


def test_but_not_for_ever():
    was_done, took = waited(3600, starved=True)
    assert not was_done
    # Ten looks; each may take two turns of the hog.
    assert took >= SECONDS


def test_what_was_waited_for_is_left_alone():
    async def wait() -> bool:
        answer = asyncio.get_running_loop().create_future()
        await done_within(LOOK_S, answer)
        return answer.cancelled()

    assert not asyncio.run(wait())
