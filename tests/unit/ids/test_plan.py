"""Which name gets which id, without any server."""

import pytest

from migrations_tools.ids.plan import OutOfIds, plan_ids
from migrations_tools.ids.types import Known, Names, PermissionOf, Rename, TypeName
from sharding.schemas.services.global_ids import GLOBAL_FROM, LOCAL_FROM

POST, NOTE, TAG = (TypeName("blog", name) for name in ("post", "note", "tag"))


def plan(wanted, *, types=(), permissions=(), renames_permissions=False):
    known = Known(dict(types), dict(permissions))
    return plan_ids(known, wanted, renames_permissions=renames_permissions)


def names(*types, permissions=(), renames=(), live=None):
    return Names(
        frozenset(types),
        frozenset(PermissionOf(*one) for one in permissions),
        tuple(Rename("blog", *one) for one in renames),
        frozenset(types if live is None else live),
    )


def test_new_names_get_ids_above_all_that_were_ever_given():
    made = plan(
        names(POST, NOTE, permissions=[(POST, "add_post"), (NOTE, "add_note")]),
        types={NOTE: GLOBAL_FROM + 4},
        permissions={(GLOBAL_FROM + 4, "add_note"): GLOBAL_FROM + 9},
    )
    assert made.types == {POST: GLOBAL_FROM + 5}
    assert made.permissions == {(GLOBAL_FROM + 5, "add_post"): GLOBAL_FROM + 10}


def test_the_first_ids_begin_the_global_range():
    made = plan(names(POST, permissions=[(POST, "add_post")]))
    assert made.types == {POST: GLOBAL_FROM}
    assert made.permissions == {(GLOBAL_FROM, "add_post"): GLOBAL_FROM}


def test_what_has_ids_keeps_them():
    made = plan(
        names(POST, permissions=[(POST, "add_post")]),
        types={POST: 1_000_007},
        permissions={(1_000_007, "add_post"): 1_000_003},
    )
    assert made.is_empty


def test_a_permission_brings_its_content_type():
    made = plan(names(permissions=[(TAG, "publish")]))
    assert made.types == {TAG: GLOBAL_FROM}
    assert made.permissions == {(GLOBAL_FROM, "publish"): GLOBAL_FROM}


@pytest.mark.parametrize("known", ["neither", "old", "new"])
def test_both_names_of_a_renamed_model_have_one_id(known):
    types = {"neither": {}, "old": {NOTE: 1_000_007}, "new": {POST: 1_000_007}}[known]
    made = plan(names(POST, renames=[("note", "post")]), types=types)
    after = {**types, **made.types}
    assert after[POST] == after[NOTE]
    assert set(types.values()) <= {after[POST]}
    assert not made.moved


def test_a_chain_of_renames_has_one_id():
    made = plan(names(TAG, renames=[("note", "post"), ("post", "tag")]), types={NOTE: 1_000_007})
    assert made.types == {POST: 1_000_007, TAG: 1_000_007}


def test_ids_that_differ_already_are_left():
    made = plan(names(POST, renames=[("note", "post")]), types={NOTE: 1_000_001, POST: 1_000_002})
    assert made.is_empty


def test_a_name_that_another_model_took_gets_an_id_of_its_own():
    made = plan(names(POST, NOTE, renames=[("note", "post")]), types={NOTE: 1_000_007})
    assert made.types == {POST: 1_000_007}
    assert made.moved == {NOTE: 1_000_008}

    again = plan(
        names(POST, NOTE, renames=[("note", "post")]), types={NOTE: 1_000_008, POST: 1_000_007}
    )
    assert again.is_empty


def test_permissions_of_a_renamed_model_follow_it_where_django_renames_them():
    wanted = names(POST, permissions=[(POST, "add_post")], renames=[("note", "post")])
    types, permissions = {NOTE: 1_000_007}, {(1_000_007, "add_note"): 1_000_003}

    renamed = plan(wanted, types=types, permissions=permissions, renames_permissions=True)
    assert renamed.permissions == {(1_000_007, "add_post"): 1_000_003}

    further = plan(wanted, types=types, permissions=permissions)
    assert further.permissions == {(1_000_007, "add_post"): 1_000_004}


def test_the_range_has_an_end():
    with pytest.raises(OutOfIds):
        plan(names(POST), types={NOTE: LOCAL_FROM - 1})
