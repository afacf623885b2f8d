"""Who waits at gates: bounded, of one tenant and of all together."""

import threading

from tenants.gating.inside import TasksInside
from tenants.gating.room import RoomLimits, Waiter, WaitingRoom

ANN, BOB, CYD = "t0000ann", "t0000bob", "t0000cyd"
LIMITS = RoomLimits(tenant=2, all=3)


def waiter(tenant_id):
    return Waiter(tenant_id, lambda: None)


def test_of_one_tenant_only_so_many_wait_and_of_all_together_only_so_many():
    room = WaitingRoom()
    assert all(room.come_in(waiter(ANN), LIMITS) for _ in range(2))
    assert not room.come_in(waiter(ANN), LIMITS)
    assert room.come_in(waiter(BOB), LIMITS)
    assert not room.come_in(waiter(CYD), LIMITS)
    assert room.count() == 3
    assert set(room.tenants()) == {ANN, BOB}, "who was turned away is not kept"


def test_who_leaves_makes_room_and_nothing_is_kept_of_them():
    room = WaitingRoom()
    first = waiter(ANN)
    room.come_in(first, RoomLimits(1, 1))
    assert not room.come_in(waiter(BOB), RoomLimits(1, 1))
    room.leave(first)
    room.leave(first)
    assert room.come_in(waiter(BOB), RoomLimits(1, 1))
    assert room.tenants() == (BOB,)


def test_all_who_wait_for_a_tenant_are_woken_and_nobody_else():
    room = WaitingRoom()
    woken = []
    for name in (ANN, ANN, BOB):
        room.come_in(Waiter(name, lambda name=name: woken.append(name)), LIMITS)
    assert room.let_go(ANN, None) == 2
    assert woken == [ANN, ANN]
    assert room.let_go(ANN, None) == 0
    assert room.tenants() == (BOB,)


def test_many_threads_never_exceed_the_limits():
    room, limits, most = WaitingRoom(), RoomLimits(tenant=3, all=5), []
    lock = threading.Lock()

    def come_and_go(number):
        for turn in range(200):
            mine = waiter((ANN, BOB, CYD)[(number + turn) % 3])
            if room.come_in(mine, limits):
                with lock:
                    most.append(room.count())
                room.leave(mine)

    threads = [threading.Thread(target=come_and_go, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) <= 5
    assert room.count() == 0
    assert room.tenants() == ()


def test_tasks_are_counted_while_they_last_whatever_becomes_of_them():
    inside = TasksInside()
    try:
        with inside.working_for(ANN), inside.working_for(ANN), inside.working_for(BOB):
            assert (inside.count(ANN), inside.count(BOB)) == (2, 1)
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    assert inside.count(ANN) == inside.count(BOB) == 0
