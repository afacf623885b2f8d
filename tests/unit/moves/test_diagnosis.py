"""What the doctor says of what it sees."""

from dataclasses import replace

import pytest

from sharding.moves.core.diagnosis import (
    MUCH_WAL,
    Copy,
    Ill,
    Known,
    KnownMove,
    Session,
    ShardSight,
    Stream,
    diagnose,
)
from sharding.schemas.types import Phase

DONE = KnownMove(7, "tacme01", "alpha", "beta", "done", token=5, is_live=False)
LIVE = replace(DONE, state="copied", is_live=True)
ON_BETA = {"tacme01": ("beta", "ready")}


def ills(*sights, move=DONE, places=ON_BETA):
    moves = {} if move is None else {move.move_id: move}
    return [finding.ill for finding in diagnose(Known(moves, places), sights)]


def seen(shard="alpha", **what):
    return ShardSight(shard, **what)


LEFT = {
    "a copy where it came from": (
        seen(copies=(Copy("tacme01", Phase.SEALED, 7, armed=True),)),
        Ill.COPY,
    ),
    "a copy that was being made": (
        seen(copies=(Copy("tacme01", Phase.INCOMING, 7),)),
        Ill.COPY,
    ),
    "a fence": (seen("beta", copies=(Copy("tacme01", Phase.FENCED, 7, armed=True),)), Ill.FENCE),
    "an armed guard": (seen("beta", copies=(Copy("tacme01", Phase.ACTIVE, 7, True),)), Ill.GUARD),
    "a session": (seen(sessions=(Session("tacme01", 7, 5, 100),)), Ill.SESSION),
    "a slot": (seen(streams=(Stream(Ill.SLOT, "mv_x", "tacme01", 7),)), Ill.SLOT),
    "a subscription": (
        seen(streams=(Stream(Ill.SUBSCRIPTION, "mv_x", "tacme01", 7),)),
        Ill.SUBSCRIPTION,
    ),
}


@pytest.mark.parametrize("left", LEFT)
def test_what_an_ended_move_has_left_is_found_and_can_be_mended(left):
    sight, ill = LEFT[left]
    (finding,) = diagnose(Known({7: DONE}, ON_BETA), [sight])
    assert (finding.ill, finding.mends, finding.tenant_id) == (ill, True, "tacme01")
    assert ills(sight, move=None) == [ill], "also where nobody remembers the move"


@pytest.mark.parametrize("left", LEFT)
def test_a_move_that_can_go_on_takes_away_itself_what_is_its_own(left):
    sight, _ = LEFT[left]
    assert ills(sight, move=LIVE) == []


def test_a_session_of_an_older_mover_is_left_over_though_its_move_is_not():
    assert ills(seen(sessions=(Session("tacme01", 7, 4, 100),)), move=LIVE) == [Ill.SESSION]


@pytest.mark.parametrize(
    ("move", "found"),
    [
        (LIVE, []),
        (replace(LIVE, is_stuck=True), [Ill.STUCK]),
        (replace(LIVE, is_stuck=True, differs="note"), [Ill.DIFFERS]),
        (replace(LIVE, owed=(("alpha", "drop"),)), []),
        (replace(DONE, owed=(("alpha", "drop"),)), [Ill.DEBT]),
    ],
)
def test_moves_that_nobody_works_on_and_what_they_owe(move, found):
    assert ills(move=move) == found


def test_what_is_served_and_what_is_not_of_moves_is_no_finding():
    assert ills(seen("beta", copies=(Copy("tacme01", Phase.ACTIVE, 7),))) == []
    # Without a move it is drift's, which knows what else it may be.
    assert ills(seen(copies=(Copy("tacme01", Phase.SEALED),))) == []
    assert ills(seen(copies=(Copy("tnew001", Phase.INCOMING),))) == []
    assert ills(seen(copies=(Copy("tacme01", Phase.ACTIVE, 7),))) == []


def test_a_slot_that_keeps_much_is_told_whosever_it_is():
    kept = Stream(Ill.SLOT, "backup", keeps=MUCH_WAL)
    assert ills(seen(streams=(kept, replace(kept, keeps=MUCH_WAL - 1)))) == [Ill.WAL]
    ours = replace(kept, schema="tacme01", move_id=7)
    (finding,) = diagnose(Known({7: LIVE}, ON_BETA), [seen(streams=(ours,))])
    assert (finding.ill, finding.mends) == (Ill.WAL, False)
    assert "`manage.py abort_move 7`" in finding.remedy
    (finding,) = diagnose(
        Known({7: replace(LIVE, state="soaking")}, ON_BETA), [seen(streams=(ours,))]
    )
    assert "`manage.py finish_move 7`" in finding.remedy
    (finding,) = diagnose(Known({}, {}), [seen(streams=(kept,))])
    assert not finding.mends
    assert "drop it" in finding.remedy


def test_a_slot_that_is_lost_is_told_of_a_move_that_can_go_on():
    ours = Stream(Ill.SLOT, "mv_x", "tacme01", 7, lost=True)
    soaks = replace(LIVE, state="soaking")
    (finding,) = diagnose(Known({7: soaks}, ON_BETA), [seen(streams=(ours,))])
    assert (finding.ill, finding.mends) == (Ill.LOST, False)
    assert "`manage.py finish_move 7`" in finding.remedy
    assert ills(seen(streams=(ours,))) == [Ill.SLOT], "its move has ended: it is only taken away"
    assert ills(seen(streams=(replace(ours, schema="", move_id=None),))) == [], "nobody of ours"


def test_a_shard_that_is_away_is_said_to_be():
    assert ills(ShardSight("alpha", away="connection refused")) == [Ill.UNREACHABLE]
