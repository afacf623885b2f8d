"""A shard that is down, in all four ways: services end in time and leave nothing half made."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from io import StringIO

import pytest
from django.core.management import (
    CommandError,
    call_command,
    get_commands,
    load_command_class,
)
from django.db import OperationalError, connections

from migrations_tools.services.build_schema import build_schema
from sharding.placements.errors import ShardUnavailable
from sharding.placements.models import ReservedRole
from sharding.placements.services.listing import list_shards
from sharding.placements.services.reserving import reserve_tenant_id
from sharding.registry import current as addresses
from sharding.schemas.connections import BRIEF, own_connection
from sharding.schemas.errors import ServerUnreachable
from sharding.schemas.services.describe import describe
from sharding.schemas.services.drop_schema import drop_schema
from tenants.command_verdicts import VERDICTS, CommandVerdict
from tests.faults.down import REFUSAL_AND_SILENCE_FIRST, Down


@contextmanager
def within(seconds: float):
    began = time.monotonic()
    yield
    assert time.monotonic() - began < seconds


def run(command: str, *words: str) -> None:
    call_command(command, *words, stdout=StringIO(), stderr=StringIO())


def at_once(*calls: Callable[[], object]) -> list[object]:
    """What each returned or raised, in threads of their own: waiting for one waits for all."""

    def take(call: Callable[[], object]) -> object:
        try:
            return call()
        except (ServerUnreachable, OperationalError, CommandError) as error:
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(take, calls))


@pytest.fixture
def through_proxies(fleet, faulty):
    before = addresses.registry()
    addresses.install(faulty.registry)
    yield faulty
    connections.close_all()
    addresses.install(before)


@pytest.mark.parametrize("how", REFUSAL_AND_SILENCE_FIRST)
def test_while_a_shard_is_down_others_are_listed_and_nothing_is_half_made(
    through_proxies, placement, settings, how
):
    settings.ATOLL_ROLE_BATCH = 2
    server = addresses.shard("alpha")
    place = placement.to_scope()
    ReservedRole.objects.using("control").filter(shard="alpha", used_by="").delete()
    with through_proxies.down("alpha", how), within(8):
        listed, *refused = at_once(
            lambda: list_shards(["alpha", "beta"]),
            lambda: reserve_tenant_id("alpha", used_by=f"down {how}"),
            lambda: drop_schema(server, place.schema),
            lambda: build_schema(place),
        )
    alpha, beta = listed
    assert (alpha.survey, beta.problem) == (None, "")
    assert alpha.problem.startswith("away: ")
    assert [type(error) for error in refused[:2]] == [ServerUnreachable, ServerUnreachable]
    assert isinstance(refused[2], (ServerUnreachable, OperationalError))
    connections.close_all()
    assert not describe(server, place.schema).exists
    assert reserve_tenant_id("alpha", used_by=f"down {how}")
    assert build_schema(place).created
    assert describe(server, place.schema).lacks == ()


@pytest.mark.parametrize(
    "how", [Down.REFUSED, Down.SIGSTOP, pytest.param(Down.BLACKHOLE, marks=pytest.mark.slow)]
)
def test_a_server_that_goes_down_under_an_open_connection_is_given_up(through_proxies, how):
    with (
        pytest.raises(ServerUnreachable),
        own_connection(addresses.shard("alpha"), BRIEF) as connection,
    ):
        connection.execute("SELECT 1")
        with through_proxies.down("alpha", how), within(8):
            connection.execute("SELECT 1")


def test_a_slow_server_is_waited_for_as_long_as_it_answers_in_time(through_proxies):
    with own_connection(addresses.shard("alpha"), BRIEF) as connection:
        with through_proxies.down("alpha", Down.SLOW), within(8):
            assert connection.execute("SELECT 1").fetchone() == (1,)


ASK_CONTROL = (
    "abort_move 7",
    "adopt_tenant ann --shard alpha --admin host=127.0.0.1",
    "all_tenants_command clearsessions",
    "allocate_ids",
    "build_image",
    "cancel_sign_up 8f14e45f-ceea-4672-a2b1-4d1f3c1a9a55",
    "change_plan ann none",
    "check_drift",
    "clone_tenant ann bob",
    "create_domain ann www.example.org",
    "create_operator --email x@example.org --password correct-horse-battery",
    "create_tenant ann",
    "delete_domain ann www.example.org",
    "delete_tenant ann --now --confirm ann",
    "disable_operator x@example.org",
    "drain_shard alpha",
    "drop_left_over alpha t0abcdefg",
    "export_recording",
    "export_tenant ann {folder}/ann.atoll",
    "finish_move 7",
    "fleet_status",
    "give_global_ids",
    "hold_shard alpha --reason test",
    "keep_apart brands ann",
    "list_moves",
    "list_operators",
    "list_shards",
    "list_sign_ups",
    "list_tenants",
    "make_spares",
    "mend_schema ann",
    "migrate",
    "migrate_fleet",
    "migrate_schemas",
    "move_tenant ann --to beta",
    "moves_doctor",
    "open_restored_shard alpha",
    "outbox_status",
    "pin_tenant ann",
    "promote_shard alpha",
    "publish_reference",
    "purge_deleted",
    "rebalance_shards --dry-run",
    "reattach_tenant t0abcdefg --slug ann",
    "rebuild_known_addresses",
    "reference_status",
    "release_shard alpha",
    "remove_shard alpha",
    "rename_tenant ann bob",
    "reset_operator_factor x@example.org",
    "restore_tenant ann",
    "resume_move 7",
    "resume_tenant ann",
    "retire_reference catalog.Country DE",
    "retry_outbox ann",
    "retry_sign_up 8f14e45f-ceea-4672-a2b1-4d1f3c1a9a55",
    "rollback_move 7",
    "seal_backups alpha",
    "seal_shard alpha --confirm alpha",
    "set_shard_capacity alpha --bytes 1GB",
    "shard_report",
    "show_move 7",
    "show_tenant ann",
    "suspend_tenant ann",
    "undrain_shard alpha",
    "unpin_tenant ann",
)
# Some ask others first, or nobody; those of pools go by their settings then; create_tenants tells
# of each line of its list; words that begin with a dash reach tenant_command by the shell only.
ASK_OTHERS = (
    "add_shard check_migrations check_pooler create_tenants dbshell demo demo_check devstack "
    "import_tenant pool_budget pooler tenant_command write_pgbouncer_config"
)


def test_all_commands_that_work_on_control_are_tried_without_it():
    tried = {line.split()[0] for line in ASK_CONTROL}
    verdicts = {name for name, verdict in VERDICTS.items() if verdict is CommandVerdict.CONTROL}
    assert tried | set(ASK_OTHERS.split()) == verdicts


@pytest.mark.parametrize("how", REFUSAL_AND_SILENCE_FIRST)
def test_with_control_down_commands_say_so_in_time(through_proxies, how, tmp_path):
    connections.close_all()
    lines = [line.format(folder=tmp_path) for line in ASK_CONTROL]
    # Python 3.11 parses in one thread at a time only (SystemError: AST constructor recursion depth
    # mismatch), and pytest has each of our modules parsed when it is first imported.
    for name in {line.split()[0] for line in lines}:
        load_command_class(get_commands()[name], name)
    # All at once, on a machine that may be busy with other tests: their own work is most of it.
    with through_proxies.down("control", how), within(60):
        errors = at_once(*(partial(run, *line.split()) for line in lines))
    others = [
        f"{line}: {error!r}"
        for line, error in zip(lines, errors, strict=True)
        if not (isinstance(error, CommandError) and says_away_in_one_line(error))
    ]
    assert not others, "\n".join(others)


def says_away_in_one_line(error: CommandError) -> bool:
    text = str(error)
    return "server does not answer" in text and "\n" not in text and error.returncode in (1, 3)


def test_a_shard_without_an_address_reserves_nothing():
    with pytest.raises((ShardUnavailable, addresses.UnknownShard), match="gamma"):
        reserve_tenant_id("gamma", used_by="nobody")
