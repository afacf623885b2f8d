"""Which copy is the tenant that control has forgotten, and when nobody can tell."""

import pytest

from migrations_tools.drift.types import SchemaSeen, ShardSeen
from sharding.schemas.types import Marker, Phase
from tenants.services.errors import NotForgotten
from tenants.services.forgotten import Copy, only_copy

ID = "t0k3f9amq2"
INCARNATIONS = {"alpha": 1, "beta": 1}


def copy(phase, *, epoch=2, token=0, permit=None, exists=True, marked=True):
    marker = Marker(ID, phase, epoch, None, token, "d", "f", 18, None)
    return SchemaSeen(
        ID,
        exists=exists,
        marker=marker if marked else None,
        permit=phase is Phase.ACTIVE if permit is None else permit,
        usage=phase is Phase.ACTIVE,
    )


def shard(name, seen=None, **facts):
    known = {"server_name": name, "incarnation": 1, "in_recovery": False, "major": 18, **facts}
    return ShardSeen(name, schemas={} if seen is None else {ID: seen}, **known)


def test_the_only_one_is_it():
    seen = [shard("alpha"), shard("beta", copy(Phase.ACTIVE, epoch=7, token=3))]
    assert only_copy(ID, seen, INCARNATIONS) == Copy("beta", epoch=7, token=3)


@pytest.mark.parametrize("phase", [Phase.SEALED, Phase.FENCED, Phase.INCOMING])
def test_what_a_move_has_left_closed_counts_for_the_newest_epoch_and_token_only(phase):
    left = copy(phase, epoch=9, token=12)
    seen = [shard("alpha", left), shard("beta", copy(Phase.ACTIVE, epoch=8, token=11))]
    assert only_copy(ID, seen, INCARNATIONS) == Copy("beta", epoch=9, token=12)


def test_a_tombstone_without_a_schema_is_no_copy():
    gone = copy(Phase.TOMBSTONE, epoch=4, exists=False)
    seen = [shard("alpha", gone), shard("beta", copy(Phase.ACTIVE))]
    assert only_copy(ID, seen, INCARNATIONS).shard == "beta"


ACTIVE = copy(Phase.ACTIVE)


@pytest.mark.parametrize(
    ("seen", "why"),
    [
        ([shard("alpha"), shard("beta")], "no shard has a schema"),
        ([shard("alpha", ACTIVE), shard("beta", ACTIVE)], "active on alpha and on beta"),
        ([shard("alpha", copy(Phase.SEALED)), shard("beta")], "its schema is sealed on alpha"),
        ([shard("alpha", copy(Phase.FENCED)), shard("beta")], "fenced on alpha"),
        ([shard("alpha", copy(Phase.INCOMING)), shard("beta")], "incoming on alpha"),
        ([shard("alpha", copy(Phase.ACTIVE, marked=False)), shard("beta")], "not ours on alpha"),
        (
            [shard("alpha", copy(Phase.FENCED, permit=True)), shard("beta", ACTIVE)],
            "the copy on alpha is not closed",
        ),
        (
            [shard("alpha", copy(Phase.SEALED, marked=False)), shard("beta", ACTIVE)],
            "the copy on alpha is not closed",
        ),
        ([ShardSeen("alpha", problem="it does not answer."), shard("beta", ACTIVE)], "later copy"),
        ([ShardSeen("alpha", unprepared=True), shard("beta", ACTIVE)], "another database"),
        ([shard("alpha", server_name="gamma"), shard("beta", ACTIVE)], "another database"),
        ([shard("alpha", in_recovery=True), shard("beta", ACTIVE)], "a standby"),
        ([shard("alpha", incarnation=2), shard("beta", ACTIVE)], "registry file of this machine"),
    ],
)
def test_who_cannot_be_sure_refuses_with_the_reason(seen, why):
    with pytest.raises(NotForgotten, match=why) as refused:
        only_copy(ID, seen, INCARNATIONS)
    assert str(refused.value).endswith("Nothing was changed.")
