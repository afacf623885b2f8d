"""The directory's own machinery, without servers."""

import threading
import time
from types import SimpleNamespace

import pytest
from django.db.utils import OperationalError

from sharding import scope
from sharding.placements.states import PlacementState
from tenants.directory import lookup as module
from tenants.directory import shared
from tenants.directory.control_gate import ControlGate
from tenants.directory.memory import Memory
from tenants.directory.single_flight import SingleFlight
from tenants.directory.types import Entry, HostKey, IdKey
from tenants.errors import DirectoryAway
from tenants.states import TenantState


def entry(name, epoch=1):
    return Entry(
        tenant_id=f"t00000{name}",
        slug=name,
        name=name,
        host=f"{name}.localhost",
        tenant_state=TenantState.ACTIVE,
        placement_state=PlacementState.READY,
        placement=scope.Placement(f"t00000{name}", "alpha", f"t00000{name}", epoch, "g"),
    )


@pytest.fixture
def control(monkeypatch):
    """Control and Redis as plain objects: what they answer, whether they are away, who asked."""
    state = SimpleNamespace(tenants={}, away=False, asked=[], redis={}, marked=False)

    def ask(key):
        state.asked.append(key)
        if state.away:
            raise OperationalError("away")
        return state.tenants.get(key)

    monkeypatch.setattr(module, "ask_control", ask)
    monkeypatch.setattr(module, "may_remember", lambda: True)
    monkeypatch.setattr(shared, "get", state.redis.get)
    monkeypatch.setattr(shared, "remembers_somebody", lambda: state.marked)
    monkeypatch.setattr(
        shared,
        "put",
        lambda key, found, fresh_for: state.redis.__setitem__(key, shared.Shared(found, True)),
    )
    return state


ANN = HostKey("ann.localhost")


def test_memory_is_bounded_and_the_longest_unrefreshed_leaves():
    memory = Memory(2)
    for name in ("a", "b"):
        memory.put(HostKey(name), entry(name), fresh_for=9)
    memory.put(HostKey("a"), entry("a"), fresh_for=9)
    memory.put(HostKey("c"), entry("c"), fresh_for=9)
    assert [memory.get(HostKey(n)) is not None for n in "abc"] == [True, False, True]
    assert len(memory) == 2


def test_a_fresh_answer_asks_nobody(control):
    control.tenants[ANN] = entry("ann")
    directory = module.Directory(10, 9)
    assert directory.lookup(ANN) == directory.lookup(ANN) == entry("ann")
    assert control.asked == [ANN]


def test_who_hears_of_changes_believes_longer_and_asks_when_it_no_longer_hears(control):
    control.tenants[ANN] = entry("ann")
    hearing = [True]
    directory = module.Directory(10, 0, heard_for_s=9, hears=lambda: hearing[-1])
    directory.lookup(ANN)
    directory.lookup(ANN)
    assert control.asked == [ANN]
    hearing.append(False)
    control.redis.clear()
    directory.lookup(ANN)
    assert control.asked == [ANN, ANN]


def test_what_was_announced_is_asked_for_again_by_who_hears(control):
    control.tenants[ANN] = entry("ann")
    directory = module.Directory(10, 0, heard_for_s=9, hears=lambda: True)
    directory.lookup(ANN)
    control.tenants[ANN] = entry("ann", epoch=2)
    control.redis.clear()
    directory.forget("t00000ann", [])
    assert directory.lookup(ANN) == entry("ann", epoch=2)


def test_an_answer_that_was_on_its_way_while_it_was_announced_is_not_believed_for_long(
    control, monkeypatch
):
    directory = module.Directory(10, 0, heard_for_s=9, hears=lambda: True)

    def too_late(key):
        control.asked.append(key)
        if len(control.asked) == 1:
            directory.forget("t00000ann", [])
            return entry("ann")
        return entry("ann", epoch=2)

    monkeypatch.setattr(module, "ask_control", too_late)
    monkeypatch.setattr(shared, "get", lambda key: None)
    assert directory.lookup(ANN) == entry("ann")
    assert directory.lookup(ANN) == entry("ann", epoch=2)
    assert directory.lookup(ANN) == entry("ann", epoch=2)
    assert control.asked == [ANN, ANN]


def test_an_answer_out_of_redis_is_not_believed_for_long(control):
    control.redis[ANN] = shared.Shared(entry("ann"), True)
    directory = module.Directory(10, 0, heard_for_s=9, hears=lambda: True)
    directory.lookup(ANN)
    control.redis[ANN] = shared.Shared(entry("ann", epoch=2), True)
    assert directory.lookup(ANN) == entry("ann", epoch=2)


def test_an_answer_out_of_redis_asks_control_nothing(control):
    control.redis[ANN] = shared.Shared(entry("ann"), True)
    assert module.Directory(10, 9).lookup(ANN) == entry("ann")
    assert control.asked == []


def test_that_there_is_no_such_tenant_is_remembered_for_a_moment_too(control, monkeypatch):
    monkeypatch.setattr(module, "UNKNOWN_FOR_S", 0.05)
    directory = module.Directory(10, 9)
    assert directory.lookup(ANN) is directory.lookup(ANN) is None
    assert control.asked == [ANN]
    control.tenants[ANN] = entry("ann")
    time.sleep(0.06)
    assert directory.lookup(ANN) == entry("ann")


def test_asking_for_many_unknown_hosts_pushes_out_no_known_one(control):
    control.tenants[ANN] = entry("ann")
    directory = module.Directory(10, 9)
    directory.lookup(ANN)
    for number in range(100):
        directory.lookup(HostKey(f"x{number}"))
    control.asked.clear()
    assert directory.lookup(ANN) == entry("ann")
    assert control.asked == []


def test_old_answers_serve_while_control_is_away(control):
    control.tenants[ANN] = entry("ann")
    directory = module.Directory(10, 0)
    directory.lookup(ANN)
    control.away = True
    control.redis.clear()
    assert directory.lookup(ANN) == entry("ann")


def test_old_answers_out_of_redis_serve_a_process_that_starts_while_control_is_away(control):
    control.redis[ANN] = shared.Shared(entry("ann"), False)
    control.away = True
    assert module.Directory(10, 9).lookup(ANN) == entry("ann")


def test_whether_somebody_would_be_served_without_control_is_asked_of_memory_then_redis(control):
    directory = module.Directory(10, 0)
    assert not directory.knows_somebody()
    control.marked = True
    assert directory.knows_somebody()
    control.marked = False
    control.tenants[ANN] = entry("ann")
    directory.lookup(HostKey("nobody"))
    assert not directory.knows_somebody(), "that somebody is not there serves nobody"
    directory.lookup(ANN)
    assert directory.knows_somebody()


def test_nothing_remembered_and_control_away_is_said(control):
    control.away = True
    with pytest.raises(DirectoryAway):
        module.Directory(10, 9).lookup(ANN)


def test_while_control_is_away_one_thread_in_two_seconds_asks_it(control):
    control.away = True
    directory = module.Directory(10, 9)
    for number in range(20):
        with pytest.raises(DirectoryAway):
            directory.lookup(HostKey(f"x{number}"))
    assert len(control.asked) == 1


def test_the_gate_opens_again_when_control_answers():
    gate = ControlGate()
    gate.failed()
    assert not gate.lets_through()
    gate.answered()
    assert gate.lets_through()


def test_forgetting_a_tenant_forgets_all_its_names(control):
    known = entry("ann")
    other = HostKey("ann.example")
    control.tenants |= {ANN: known, other: known, IdKey(known.tenant_id): known}
    directory = module.Directory(10, 9)
    for key in control.tenants:
        directory.lookup(key)
    directory.forget(known.tenant_id, [])
    control.redis.clear()
    control.asked.clear()
    for key in control.tenants:
        directory.lookup(key)
    assert len(control.asked) == 3


def test_of_many_who_ask_at_once_one_finds_out():
    flights: SingleFlight[str] = SingleFlight()
    began, go, calls = threading.Event(), threading.Event(), []

    def work():
        calls.append(1)
        began.set()
        go.wait(5)
        return "found"

    results = []
    threads = [
        threading.Thread(target=lambda: results.append(flights.run("k", work, patience_s=5)))
        for _ in range(8)
    ]
    threads[0].start()
    began.wait(5)
    for thread in threads[1:]:
        thread.start()
    time.sleep(0.05)
    go.set()
    for thread in threads:
        thread.join()
    assert results == ["found"] * 8
    assert len(calls) == 1


def test_who_waits_for_the_one_that_finds_out_waits_only_so_long():
    flights: SingleFlight[None] = SingleFlight()
    go, began = threading.Event(), threading.Event()

    def work():
        began.set()
        go.wait(5)

    leader = threading.Thread(target=lambda: flights.run("k", work, patience_s=5))
    leader.start()
    began.wait(5)
    with pytest.raises(TimeoutError):
        flights.run("k", work, patience_s=0.05)
    go.set()
    leader.join()


def test_what_the_one_that_finds_out_meets_all_meet_and_the_next_tries_anew():
    flights: SingleFlight[object] = SingleFlight()
    with pytest.raises(ZeroDivisionError):
        flights.run("k", lambda: 1 // 0, patience_s=1)
    assert flights.run("k", lambda: "found", patience_s=1) == "found"


def test_what_another_release_wrote_into_redis_is_asked_anew():
    for text in ("", "[]", "{}", '{"fresh_until": 1}', "not json"):
        assert shared._parse(text) is None
