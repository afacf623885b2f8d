"""What becomes of each schema of a restored shard, by its mark and its placement alone."""

from dataclasses import replace

import pytest

from sharding.placements.models import Placement
from sharding.placements.services.restored import Fate, judge_copy
from sharding.schemas.types import SPARE, Marker, Phase

ID = "tann00001"


def marker(phase=Phase.ACTIVE, epoch=2):
    return Marker(ID, phase, epoch, None, 0, "d", None, None, None)


def spare():
    return replace(marker(Phase.INCOMING, epoch=0), unfinished=f"{SPARE}abc")


def place(shard="alpha", state="ready", epoch=2, arrived=0):
    return Placement(
        tenant_id=ID, shard_id=shard, schema=ID, state=state, epoch=epoch, arrived_epoch=arrived
    )


@pytest.mark.parametrize(
    ("case", "found", "believed", "fate"),
    [
        ("at home", marker(), place(), Fate.SERVES),
        ("cache keys were renewed since", marker(), place(epoch=9), Fate.SERVES),
        ("fenced by a move that ended", marker(Phase.FENCED), place(), Fate.OPENED),
        ("moved away", marker(), place("beta", epoch=3), Fate.SEALED),
        ("moved away, sealed in the backup", marker(Phase.SEALED), place("beta"), Fate.SEALED),
        ("deleted", marker(), None, Fate.SEALED),
        ("away and back", marker(), place(epoch=5, arrived=4), Fate.LOST),
        ("back before the backup", marker(epoch=4), place(epoch=5, arrived=4), Fate.SERVES),
        ("still arriving in the backup", marker(Phase.INCOMING), place(), Fate.LOST),
        ("sealed in the backup", marker(Phase.SEALED), place(), Fate.LOST),
        ("being dropped in the backup", marker(Phase.TOMBSTONE), place(), Fate.LOST),
        ("control is older", marker(epoch=7), place(), Fate.LEFT),
        ("half made", marker(), place(state="creating"), Fate.LEFT),
        ("a spare then and now", spare(), None, Fate.LEFT),
        ("a spare in the backup, a tenant since", spare(), place(), Fate.LOST),
        ("made after the backup", None, place(), Fate.LOST),
        ("half made after the backup", None, place(state="creating"), Fate.LEFT),
    ],
)
def test_a_copy_is_judged_by_epochs_and_place(case, found, believed, fate):
    verdict = judge_copy(found, believed, shard="alpha")
    assert verdict is not None, case
    assert (verdict.schema, verdict.fate) == (ID, fate), case


def test_what_is_on_other_shards_only_is_not_its_affair():
    assert judge_copy(None, place("beta"), shard="alpha") is None
