"""While a move soaks its tenant's structure stays as it is, or the way back is given up."""

import io

import pytest
from django.core.management import CommandError, call_command

from migrations_tools.drift.errors import MoveNotOver
from migrations_tools.drift.services.mend import mend_schema, plan_mending
from sharding.moves.core.steps import Mode
from sharding.moves.models import Move
from sharding.moves.services.after_soak import finish_move, rollback_move
from sharding.moves.services.moving import move_tenant
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from sharding.schemas.services.markers import read_marker
from sharding.schemas.services.wrong_ids import wrong_ids
from tests.integration.ids.conftest import make_older
from tests.integration.moves.conftest import settled

pytestmark = pytest.mark.slow


@pytest.fixture
def tenant(new_tenant):
    return new_tenant()


def soak(tenant):
    receipt = move_tenant(tenant.request(mode=Mode.LOGICAL))
    assert receipt.state == "soaking"
    return str(receipt.move_id)


def marker(tenant):
    with own_connection(registry.shard(tenant.shard)) as own:
        return read_marker(own, tenant.id)


def test_a_schema_is_not_mended_and_its_command_says_what_to_do_first(tenant):
    move = soak(tenant)
    before = marker(tenant)
    for do in (mend_schema, plan_mending):
        with pytest.raises(MoveNotOver, match=f"finish_move {move}"):
            do(tenant.id)
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("mend_schema", tenant.id, stdout=io.StringIO())
    assert marker(tenant) == before
    assert rollback_move(move).state == "soaking", "the way back is still open"
    finish_move(move)
    assert mend_schema(tenant.id).lacks == ()
    settled(tenant, on="alpha")


def test_whose_mover_has_died_is_not_mended_either(tenant):
    move = Move.objects.using("control").create(
        tenant_id=tenant.id, source="alpha", target="beta", state="copied"
    )
    try:
        with pytest.raises(MoveNotOver, match=f"resume_move {move.pk}"):
            mend_schema(tenant.id)
    finally:
        move.delete()


def test_ids_are_left_alone_and_given_afterwards(tenant):
    make_older(tenant.place)
    wrong = ids_that_are_wrong(tenant)
    assert wrong
    move = soak(tenant)
    for words in ((), ("--dry-run",)):
        err = io.StringIO()
        call_command("give_global_ids", tenant.slug, *words, stdout=io.StringIO(), stderr=err)
        assert f"left alone: its move {move} is soaking" in err.getvalue()
    assert ids_that_are_wrong(tenant) == wrong
    assert rollback_move(move).state == "soaking"
    finish_move(move)
    call_command("give_global_ids", tenant.slug, stdout=io.StringIO(), stderr=io.StringIO())
    assert ids_that_are_wrong(tenant) == []
    settled(tenant, on="alpha")


def ids_that_are_wrong(tenant):
    with own_connection(registry.shard(tenant.shard)) as own:
        return sorted(map(str, wrong_ids(own, tenant.place.schema)))
