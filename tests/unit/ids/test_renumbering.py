"""Which rows get which ids, without any server."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sharding.schemas.renumbering import Held, plan_moves, wrong
from sharding.schemas.services.global_ids import GLOBAL_FROM, LOCAL_FROM

G, L = GLOBAL_FROM, LOCAL_FROM


def plan(*rows):
    counter = itertools.count(L + 500)
    return plan_moves(
        [Held(id_, wanted, f"app.m{id_}") for id_, wanted in rows], lambda: next(counter)
    )


def steps(moves):
    return [[(move.old, move.new) for move in step] for step in moves.steps]


def test_stock_ids_move_in_one_step():
    assert steps(plan((1, G), (2, G + 1))) == [[(1, G), (2, G + 1)]]


def test_right_ids_stay():
    moves = plan((G, G), (L, None))
    assert (moves.steps, moves.count) == ((), 0)


def test_local_ids_of_names_that_are_known_by_now_move():
    assert steps(plan((L + 3, G))) == [[(L + 3, G)]]


def test_unknown_names_leave_the_stock_range_only():
    assert steps(plan((5, None), (L + 3, None), (G + 7, None))) == [[(5, L + 500)]]


def test_ids_that_change_places_make_a_stop():
    moves = plan((G, G + 1), (G + 1, G))
    assert len(moves.steps) == 2
    assert moves.final == {G: G + 1, G + 1: G}


def test_what_stands_in_anothers_place_makes_room():
    moves = plan((G, None), (1, G))
    assert set(moves.final) == {G, 1}
    assert moves.final[1] == G
    assert moves.final[G] >= L


def test_of_two_names_of_one_id_the_one_that_has_it_keeps_it():
    assert steps(plan((G, G), (L + 9, G))) == []
    assert plan((3, G), (4, G)).final == {3: L + 500, 4: G}


ids = st.one_of(st.integers(1, 9), st.integers(G, G + 9), st.integers(L, L + 9))
rows = st.lists(
    st.tuples(ids, st.one_of(st.none(), st.integers(G, G + 9))),
    unique_by=lambda row: row[0],
    max_size=12,
)


@given(rows)
def test_no_step_leads_two_rows_to_one_id_or_onto_one_that_is_still_there(found):
    moves = plan(*found)
    now = {id_: id_ for id_, _ in found}  # where each row is
    for step in moves.steps:
        taken = set(now.values())
        news = [move.new for move in step]
        assert len(set(news)) == len(news)
        assert not taken & set(news), "unique indexes are checked row by row"
        leads = {move.old: move.new for move in step}
        now = {first: leads.get(id_, id_) for first, id_ in now.items()}
    assert len(set(now.values())) == len(now)
    for id_, wanted in found:
        if wanted is not None:
            others = [held for held, want in found if want == wanted]
            assert wanted in {now[held] for held in others}
        assert now[id_] >= G
    # A second run has nothing to do.
    again = plan(*((now[id_], wanted) for id_, wanted in found))
    assert again.count == 0


def test_what_is_wrong_is_told_in_words():
    held = [
        Held(3, G, "a.known"),
        Held(4, None, "a.stock"),
        Held(G + 5, None, "a.strange"),
        Held(L, None, "a.local"),
        Held(G + 1, G + 1, "a.right"),
    ]
    assert list(wrong(held, "content type")) == [
        f"content type a.known has the id 3; in control it has {G}",
        "content type a.stock has the id 4, as Django gave it",
        f"content type a.strange has the id {G + 5}, which control never gave it",
    ]
