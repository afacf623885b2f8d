"""The scope: what it answers, and when it may change."""

import asyncio
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from sharding import scope
from sharding.scope import ports

ACME = scope.Placement("t0000001", "alpha", "t0000001", 1, "g1")
BIRCH = scope.Placement("t0000002", "alpha", "t0000002", 1, "g2")


class Connections:
    """Connections that say they have open blocks, and note what happens to them."""

    def __init__(self) -> None:
        self.open: dict[str, tuple[int, int]] = {}
        self.abandoned: list[str] = []
        self.swaps: list[str] = []

    def depths(self) -> dict[str, tuple[int, int]]:
        return dict(self.open)

    def abandon(self, alias: str) -> None:
        self.abandoned.append(alias)
        self.open.pop(alias, None)

    def swap_out(self, alias: str) -> object:
        self.swaps.append(f"out {alias}")
        return self.open.pop(alias, None)

    def swap_in(self, alias: str, kept: object) -> None:
        self.swaps.append(f"in {alias}")
        if isinstance(kept, tuple):
            self.open[alias] = kept


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> Connections:
    fake = Connections()
    monkeypatch.setattr(ports, "connections_probe", fake)
    return fake


@pytest.fixture(autouse=True)
def no_scope() -> Iterator[None]:
    assert scope.current() is None
    yield
    assert scope.current() is None


def test_without_a_scope_asking_for_the_tenant_raises_and_says_what_to_do() -> None:
    with pytest.raises(scope.NoTenantInScope, match="tenant_command") as caught:
        scope.tenant("Tickets")
    assert str(caught.value).startswith("Tickets needs a tenant in scope")


def test_control_is_no_tenant() -> None:
    with scope.enter(scope.CONTROL):
        assert scope.tenant_or_none() is None
        with pytest.raises(scope.NoTenantInScope):
            scope.tenant()


def test_scopes_nest_and_each_comes_back_also_after_an_error(
    connections: Connections,
) -> None:
    with scope.enter(ACME):
        with pytest.raises(RuntimeError), scope.enter(BIRCH):
            assert scope.tenant() is BIRCH
            raise RuntimeError
        assert scope.tenant() is ACME
        with scope.enter(None):
            assert scope.current() is None
        assert scope.tenant() is ACME


def test_another_tenant_cannot_be_entered_inside_an_open_transaction(
    connections: Connections,
) -> None:
    with scope.enter(ACME):
        connections.open["alpha"] = (1, 1)
        for other in (BIRCH, scope.CONTROL, None):
            with (
                pytest.raises(scope.OpenTransaction, match="alpha"),
                scope.enter(other),
            ):
                pytest.fail("it was entered")
            assert scope.current() is ACME
        with scope.enter(ACME):
            assert scope.tenant() is ACME
        connections.open.clear()


def test_a_newer_epoch_of_the_same_tenant_may_be_entered_inside_its_transaction(
    connections: Connections,
) -> None:
    newer = scope.Placement("t0000001", "alpha", "t0000001", 2, "g1")
    elsewhere = scope.Placement("t0000001", "beta", "t0000001", 3, "g1")
    with scope.enter(ACME):
        connections.open["alpha"] = (1, 1)
        with scope.enter(newer):
            assert scope.tenant() is newer
        with pytest.raises(scope.OpenTransaction), scope.enter(elsewhere):
            pytest.fail("it was entered")
        connections.open.clear()


def test_an_independent_scope_gets_a_connection_of_its_own(
    connections: Connections,
) -> None:
    with scope.enter(ACME):
        connections.open["alpha"] = (1, 1)
        with scope.enter(BIRCH, independent=True):
            assert connections.open == {}
            assert scope.tenant() is BIRCH
        assert connections.open == {"alpha": (1, 1)}
        assert connections.swaps == ["out alpha", "in alpha"]
        connections.open.clear()


def test_leaving_at_another_depth_raises_and_closes_the_connection(
    connections: Connections,
) -> None:
    with pytest.raises(scope.LeftOpenTransaction, match="alpha"), scope.enter(ACME):
        connections.open["alpha"] = (1, 1)
    assert connections.abandoned == ["alpha"]
    assert scope.current() is None


def test_an_error_on_its_way_is_not_replaced_but_the_connection_is_closed(
    connections: Connections,
) -> None:
    with pytest.raises(KeyError), scope.enter(ACME):
        connections.open["alpha"] = (1, 1)
        raise KeyError
    assert connections.abandoned == ["alpha"]


def test_hooks_run_in_the_old_scope_before_another_is_entered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[object] = []
    monkeypatch.setattr(ports, "before_switch_hooks", [])
    scope.before_switch(lambda: seen.append(scope.current()))
    with scope.enter(ACME):
        assert seen == []
        with scope.enter(BIRCH):
            assert seen == [ACME]
            with scope.enter(BIRCH):
                assert seen == [ACME]


def test_a_thread_starts_without_a_scope() -> None:
    with ThreadPoolExecutor(1) as threads, scope.enter(ACME):
        assert threads.submit(scope.current).result() is None


def test_interleaved_tasks_of_one_event_loop_keep_their_own_scopes() -> None:
    async def work(place: scope.Placement) -> bool:
        with scope.enter(place):
            for _ in range(20):
                await asyncio.sleep(0)
                if scope.tenant() is not place:
                    return False
        return True

    async def both() -> list[bool]:
        return await asyncio.gather(work(ACME), work(BIRCH), work(ACME))

    assert asyncio.run(both()) == [True, True, True]


def test_a_leaked_generator_leaves_its_scope_only_where_it_stands() -> None:
    def leaky() -> Iterator[None]:
        with scope.enter(ACME):
            yield

    generator = leaky()
    next(generator)
    assert scope.current() is ACME
    generator.close()
    assert scope.current() is None


@pytest.mark.parametrize(
    "name", ["", "T0000001", 't0"; drop', "t0 00001", "public", "t" * 64, "té00000"]
)
def test_only_a_tenant_id_can_name_a_schema_or_role(name: str) -> None:
    with pytest.raises(ValueError, match="no tenant id"):
        scope.Placement(name, "alpha", "t0000001", 1, "g")
    with pytest.raises(ValueError, match="no tenant id"):
        scope.Placement("t0000001", "alpha", name, 1, "g")


def test_control_stays_one_object_through_pickle() -> None:
    assert pickle.loads(pickle.dumps(scope.CONTROL)) is scope.CONTROL
    assert pickle.loads(pickle.dumps(ACME)) == ACME


def test_resolving_a_tenant_nobody_knows_says_so() -> None:
    with pytest.raises(scope.UnknownTenant, match="list_tenants"):
        ports._no_tenants("t0000009")
