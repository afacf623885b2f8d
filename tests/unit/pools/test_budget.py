"""The budget of connections: what fits, what shrinks, what is told to change."""

import itertools

import pytest
from django.test import override_settings

from sharding.backend import checks_of_pools
from sharding.pools.budget.parsing import parse_groups, parse_limits, parse_reserves
from sharding.pools.budget.planning import plan_pools
from sharding.pools.budget.types import (
    SHARDS_PER_PROCESS,
    Database,
    Limits,
    ProcessGroup,
    Reserves,
    Terms,
)
from sharding.pools.budgeted import size_here
from sharding.registry import current
from sharding.registry.types import Endpoint, Login, Registry, Server

RESERVES = Reserves(own=5, mover=4, admin=3)


def databases(*names, pooled=False, server=""):
    return tuple(Database(name, server or f"of-{name}", pooled) for name in names)


def terms(groups, of, **more):
    return Terms(groups=tuple(groups), databases=of, reserves=RESERVES, **more)


def limits(most, *names):
    return {f"of-{name}": Limits(most) for name in names}


def test_where_there_is_room_each_thread_gets_a_connection():
    plan = plan_pools(
        terms(
            [ProcessGroup("web", 4, 8)],
            databases("control", "alpha"),
            limits=limits(100, "control", "alpha"),
        )
    )
    assert {(p.database, p.size) for p in plan.processes} == {("control", 8), ("alpha", 8)}
    assert (plan.problems, plan.notes) == ((), ())
    control, alpha = plan.servers
    # own and admin are left out of both, mover of shards; each process listens at control.
    assert (control.kept, alpha.kept) == (8 + 4, 12)
    assert (alpha.room, alpha.opened) == (100 - 3 - 12, 32)


def test_where_there_is_not_pools_shrink_and_it_is_told():
    plan = plan_pools(
        terms([ProcessGroup("web", 16, 8)], databases("alpha"), limits=limits(100, "alpha"))
    )
    (pool,) = plan.processes
    assert pool.size == 5
    assert plan.servers[0].opened == 80 <= plan.servers[0].room
    assert plan.problems == ()
    assert "8 threads and a pool of 5 for alpha" in plan.notes[0]


def test_what_cannot_fit_is_told_with_the_number_that_would_do():
    groups = [ProcessGroup("web", 90, 8)]
    plan = plan_pools(terms(groups, databases("alpha"), limits=limits(100, "alpha")))
    (problem,) = plan.problems
    assert "Raise its max_connections to 105" in problem
    raised = plan_pools(terms(groups, databases("alpha"), limits=limits(105, "alpha")))
    assert raised.problems == ()


def test_a_size_that_is_told_does_not_shrink():
    groups = [ProcessGroup("web", 16, 8, pool_size=6), ProcessGroup("tasks", 4, 8)]
    plan = plan_pools(terms(groups, databases("alpha"), limits=limits(118, "alpha")))
    assert plan.size("web", "alpha") == 6
    assert plan.size("tasks", "alpha") == 1
    assert plan.problems == ()
    (problem,) = plan_pools(terms(groups, databases("alpha"), limits=limits(114, "alpha"))).problems
    assert "need 100 at least" in problem


def test_databases_of_one_server_share_its_limit():
    of = databases("control", "alpha", "beta", server="one")
    plan = plan_pools(terms([ProcessGroup("web", 4, 8)], of, limits={"one": Limits(100)}))
    (server,) = plan.servers
    assert server.databases == ("control", "alpha", "beta")
    assert server.kept == 3 * 5 + 2 * 4 + 3 + 4
    assert server.opened <= server.room < 96


def test_a_group_connects_to_its_shards_and_to_control():
    groups = [ProcessGroup("web", 2, 8), ProcessGroup("worker", 3, 1, shards=("beta",))]
    plan = plan_pools(terms(groups, databases("control", "alpha", "beta")))
    assert [p.database for p in plan.processes if p.group == "worker"] == ["control", "beta"]
    assert plan.size("worker", "alpha") is None


def test_a_shard_without_processes_and_a_shard_that_is_not_there_are_problems():
    plan = plan_pools(
        terms([ProcessGroup("web", 2, 8, shards=("alfa",))], databases("control", "alpha"))
    )
    assert any("serves shard alfa, which is in no registry" in each for each in plan.problems)
    assert any("No group of processes serves alpha" in each for each in plan.problems)


def test_more_shards_than_a_process_takes_are_a_problem():
    names = [f"shard{number}" for number in range(SHARDS_PER_PROCESS + 1)]
    at = terms([ProcessGroup("web", 1, 1)], databases(*names))
    assert at.shards_per_process == SHARDS_PER_PROCESS
    (problem,) = plan_pools(at).problems
    assert "Divide the shards" in problem
    halves = [
        ProcessGroup("one", 1, 1, shards=tuple(names[:11])),
        ProcessGroup("two", 1, 1, shards=tuple(names[11:])),
    ]
    assert plan_pools(terms(halves, databases(*names))).problems == ()


def test_before_pgbouncer_processes_open_what_they_want_and_it_opens_what_fits():
    plan = plan_pools(
        terms(
            [ProcessGroup("web", 50, 8)],
            databases("alpha", pooled=True),
            limits=limits(100, "alpha"),
            poolers=2,
        )
    )
    assert plan.size("web", "alpha") == 8
    (pool,) = plan.poolers
    assert (pool.clients, plan.clients) == (400, 400)
    assert pool.size == 42
    assert plan.servers[0].opened == 84 <= plan.servers[0].room
    assert plan.problems == ()


def test_of_a_server_that_nobody_knows_nothing_is_promised():
    plan = plan_pools(terms([ProcessGroup("web", 500, 8)], databases("alpha")))
    assert plan.unknown == ("of-alpha",)
    assert plan.problems == ()


def test_no_plan_without_a_problem_opens_more_than_there_is_room_for():
    """Over a grid of sizes; also: one connection fewer in max_connections is what it hangs on."""
    for processes, threads, most, poolers in itertools.product(
        (1, 3, 17, 90), (1, 2, 8), (20, 40, 100, 200), (1, 3)
    ):
        for pooled in (False, True):
            of = (*databases("control"), *databases("alpha", "beta", server="s", pooled=pooled))
            at = terms(
                [ProcessGroup("web", processes, threads), ProcessGroup("w", 2, 1, None, ("beta",))],
                of,
                limits={"of-control": Limits(most), "s": Limits(most)},
                poolers=poolers,
            )
            plan = plan_pools(at)
            assert all(1 <= p.size <= p.threads for p in plan.processes)
            assert all(1 <= p.size <= p.clients for p in plan.poolers)
            fits = all(server.opened <= server.room for server in plan.servers)
            assert fits == (not plan.problems)
            direct = sum(p.connections for p in plan.processes if p.database != "control")
            behind = sum(p.size * poolers for p in plan.poolers)
            (shared,) = (server for server in plan.servers if server.server == "s")
            assert shared.opened == (behind if pooled else direct)


def test_groups_are_written_in_one_line():
    assert parse_groups(" web=4x8  worker-alpha=2x1:alpha,beta x=1x4/2 ") == (
        ProcessGroup("web", 4, 8),
        ProcessGroup("worker-alpha", 2, 1, shards=("alpha", "beta")),
        ProcessGroup("x", 1, 4, pool_size=2),
    )
    assert parse_groups("") == ()
    assert parse_limits("alpha=200 beta=90-10") == {"alpha": Limits(200), "beta": Limits(90, 10)}
    assert parse_reserves("mover=0") == Reserves(mover=0)


@pytest.mark.parametrize(
    "text", ["web", "web=0x8", "web=4x8 web=1x1", "web=4", "Web=4x8", "web=4x8:", "web=4x8/0"]
)
def test_what_is_no_group_is_refused(text):
    with pytest.raises(ValueError):
        parse_groups(text)


@pytest.fixture
def three_servers():
    def server(name, port):
        at = Endpoint("127.0.0.1", port, name)
        return Server(name, at, at, Login("web", "w"), Login("own", "o"))

    before = current.registry()
    known = Registry(1, server("control", 1), {"alpha": server("alpha", 2)})
    yield current.install(known)
    current.install(before)


@override_settings(
    ATOLL_PROCESS_GROUPS="web=16x8", ATOLL_PROCESS_GROUP="web", ATOLL_SERVER_LIMITS="alpha=100"
)
def test_a_process_of_a_group_takes_its_pools_size_from_the_budget(three_servers):
    assert size_here(three_servers, "alpha") == 5
    assert size_here(three_servers, "control") == 8  # its limits are not told
    with override_settings(ATOLL_SERVER_LIMITS="alpha=200"):
        assert size_here(three_servers, "alpha") == 8
    with override_settings(ATOLL_PROCESS_GROUP=""):
        assert size_here(three_servers, "alpha") is None


def found(check):
    return [(message.id, message.msg) for message in check()]


def test_settings_that_say_nothing_are_in_order(three_servers):
    for check in (
        checks_of_pools.check_pool_settings,
        checks_of_pools.check_process_group,
        checks_of_pools.check_budget,
    ):
        assert found(check) == []


def test_what_cannot_be_read_is_told_once_with_its_name(three_servers):
    with override_settings(ATOLL_PROCESS_GROUPS="web: 4 by 8"):
        ((name, message),) = found(checks_of_pools.check_pool_settings)
        assert name == "sharding.E020"
        assert "ATOLL_PROCESS_GROUPS is 'web: 4 by 8'" in message
        assert found(checks_of_pools.check_process_group) == []
        assert found(checks_of_pools.check_budget) == []


def test_a_process_of_no_group_is_told(three_servers):
    with override_settings(ATOLL_PROCESS_GROUPS="web=1x1", ATOLL_PROCESS_GROUP="wbe"):
        ((name, message),) = found(checks_of_pools.check_process_group)
    assert (name, "(there: web)" in message) == ("sharding.E021", True)


def test_a_budget_that_does_not_fit_is_told_before_anything_starts(three_servers):
    with override_settings(ATOLL_PROCESS_GROUPS="web=90x8", ATOLL_SERVER_LIMITS="alpha=100"):
        ((name, message),) = found(checks_of_pools.check_budget)
    assert name == "sharding.E022"
    assert "Raise its max_connections to 105" in message
