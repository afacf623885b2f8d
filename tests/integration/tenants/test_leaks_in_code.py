"""No channel carries one tenant's into another's: code inside a scope.

Ann and bob live on one shard, cyd on another. Each has a group with the same id and its own name.
"""

import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.contenttypes.models import ContentType
from django.core import serializers, signing
from django.core.cache import cache as djangos_cache
from django.core.cache import caches
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.signing import BadSignature
from django.db import connection, connections, transaction

from accounts.models import User
from sharding import scope
from tenants.sessions import SessionStore

cache: Any = djangos_cache

pytestmark = pytest.mark.usefixtures("groups")

# Made before any scope is entered: its threads know nothing of scopes.
POOL = ThreadPoolExecutor(2)
for _ in range(4):
    POOL.submit(threading.get_ident).result()

SQL = "SELECT name FROM auth_group ORDER BY name"

PAIRS = pytest.mark.parametrize("pair", [(0, 1), (0, 2)], ids=["one shard", "two shards"])


def by_query():
    return list(Group.objects.values_list("name", flat=True))


def by_raw_query():
    return [group.name for group in Group.objects.raw(SQL.replace("name FROM", "* FROM"))]


def by_cursor():
    with connection.cursor() as cursor:
        cursor.execute(SQL)
        return [row[0] for row in cursor.fetchall()]


def by_default_named():
    with connections["default"].cursor() as cursor:
        cursor.execute(SQL)
        return [row[0] for row in cursor.fetchall()]


def by_using_default():
    return [group.name for group in Group.objects.using("default").all()]


def in_atomic():
    with transaction.atomic():
        return by_cursor()


def in_atomic_of_default():
    with transaction.atomic(using="default"), transaction.atomic():
        return by_query()


def in_iterator():
    return [group.name for group in Group.objects.iterator(chunk_size=1)]


def in_server_side_cursor():
    with transaction.atomic(), connection.chunked_cursor() as cursor:
        cursor.execute(SQL)
        return [row[0] for row in cursor]


def on_commit():
    found = []
    with transaction.atomic():
        transaction.on_commit(lambda: found.extend(by_query()))
    return found


def join_the_only_user(group):
    User.objects.get().groups.add(group)


WAYS = [
    by_query,
    by_raw_query,
    by_cursor,
    by_default_named,
    by_using_default,
    in_atomic,
    in_atomic_of_default,
    in_iterator,
    in_server_side_cursor,
    on_commit,
]


@pytest.mark.parametrize("ways", WAYS, ids=lambda way: way.__name__)
def test_each_tenant_reads_its_own_and_nothing_else_in_turn(tenants, ways):
    for _ in range(2):
        for tenant in tenants:
            with tenant.scope():
                assert ways() == [tenant.slug]


@pytest.mark.parametrize("ways", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("place", [None, scope.CONTROL], ids=["none", "control"])
def test_without_a_tenant_nothing_is_read(tenants, ways, place):
    from django.db.utils import ProgrammingError

    # Control has no such table; that it is asked by a bare cursor is what was said.
    refused = (
        (scope.NoTenantInScope, ProgrammingError) if place is not None else scope.NoTenantInScope
    )
    with scope.enter(place), pytest.raises(refused):
        ways()


@PAIRS
def test_a_query_made_in_one_scope_and_run_in_another_reads_the_latters(tenants, pair):
    one, other = (tenants[index] for index in pair)
    with one.scope():
        query = Group.objects.all()
    with other.scope():
        assert [group.name for group in query] == [other.slug]


def test_a_thread_that_knows_nothing_of_us_has_no_tenant(tenants):
    for tenant in tenants:
        with tenant.scope():
            future = POOL.submit(by_query)
            with pytest.raises(scope.NoTenantInScope):
                future.result()


def test_threads_that_say_whose_they_are_read_their_own_at_the_same_time(tenants):
    together = threading.Barrier(len(tenants))

    def read(tenant):
        with tenant.scope():
            together.wait(10)
            found = {tuple(way()) for _ in range(5) for way in (by_query, by_cursor, in_atomic)}
        connections.close_all()
        return found

    with ThreadPoolExecutor(len(tenants)) as pool:
        assert list(pool.map(read, tenants)) == [{(tenant.slug,)} for tenant in tenants]


def test_the_cache_keeps_them_apart(tenants):
    for tenant in tenants:
        with tenant.scope():
            cache.set("greeting", tenant.slug)
            cache.set_many({"a": tenant.slug, "b": tenant.slug})
    for tenant in tenants:
        with tenant.scope():
            assert cache.get("greeting") == tenant.slug
            assert set(cache.get_many(["a", "b"]).values()) == {tenant.slug}
            assert {*cache.keys("*")} == {"greeting", "a", "b"}
            assert caches["control"].get("greeting") is None


def test_no_tenant_empties_anothers_cache(tenants):
    for tenant in tenants:
        with tenant.scope():
            cache.set("kept", tenant.slug)
    with tenants[0].scope():
        cache.clear()
        cache.delete_pattern("*")
        assert cache.get("kept") is None
    for tenant in tenants[1:]:
        with tenant.scope():
            assert cache.get("kept") == tenant.slug


def test_without_a_tenant_the_cache_raises(tenants):
    with pytest.raises(scope.NoTenantInScope):
        cache.get("greeting")
    with scope.enter(scope.CONTROL), pytest.raises(scope.NoTenantInScope):
        cache.set("greeting", 1)
    with pytest.raises(scope.NoTenantInScope):
        cache.clear()


def test_files_are_each_tenants_own(tenants, settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path
    for tenant in tenants:
        with tenant.scope():
            assert default_storage.save("a/name.txt", ContentFile(tenant.slug)) == "a/name.txt"
    for tenant in tenants:
        with tenant.scope():
            with default_storage.open("a/name.txt") as file:
                assert file.read() == tenant.slug.encode()
            assert default_storage.listdir("a") == ([], ["name.txt"])
            assert default_storage.listdir("") == (["a"], [])
            with pytest.raises(ValueError, match="accessible"):
                default_storage.url("a/name.txt")
    with pytest.raises(scope.NoTenantInScope):
        default_storage.open("a/name.txt")


@pytest.mark.parametrize("form", ["../{}/a.txt", "/{}/a.txt", "x/../../{}/a.txt"])
def test_no_path_leads_to_another_tenants_files(ann, bob, settings, tmp_path, form):
    from django.core.exceptions import SuspiciousFileOperation

    settings.MEDIA_ROOT = tmp_path
    with bob.scope():
        default_storage.save("a.txt", ContentFile("bob's"))
    with ann.scope(), pytest.raises(SuspiciousFileOperation):
        default_storage.open(form.format(bob.id))


@PAIRS
def test_a_signed_value_holds_for_one_tenant(tenants, pair):
    one, other = (tenants[index] for index in pair)
    with one.scope():
        signed = signing.dumps({"user": 1}, salt="link")
    with other.scope(), pytest.raises(BadSignature):
        signing.loads(signed, salt="link")


@PAIRS
def test_a_password_token_holds_for_one_tenant_even_for_an_equal_user(tenants, pair):
    from django.contrib.auth.tokens import default_token_generator

    one, other = (tenants[index] for index in pair)
    with one.scope():
        user = User.objects.get()
        token = default_token_generator.make_token(user)
        assert default_token_generator.check_token(user, token)
    with other.scope():
        twin = User(pk=user.pk, email=user.email, password=user.password)
        twin.last_login = user.last_login
        assert not default_token_generator.check_token(twin, token)


@PAIRS
def test_a_session_is_nothing_to_another_tenant(tenants, pair):
    one, other = (tenants[index] for index in pair)
    with one.scope():
        session = SessionStore()
        session["secret"] = one.slug
        session.save()
    with other.scope():
        assert dict(SessionStore(session.session_key).items()) == {}
        with pytest.raises(scope.WrongTenant):
            SessionStore.load(session)
        with pytest.raises(scope.WrongTenant):
            session.save()
        with pytest.raises(scope.WrongTenant):
            session.delete()


@PAIRS
def test_a_session_row_copied_to_another_tenant_is_worth_nothing(tenants, pair):
    from django.contrib.sessions.models import Session

    one, other = (tenants[index] for index in pair)
    with one.scope():
        session = SessionStore()
        session["secret"] = one.slug
        session.save()
        row = Session.objects.get(pk=session.session_key)
        copied = {"session_data": row.session_data, "expire_date": row.expire_date}
    with other.scope():
        Session.objects.create(session_key=str(session.session_key), **copied)
        assert dict(SessionStore(session.session_key).items()) == {}


@PAIRS
def test_a_session_that_is_first_looked_at_in_another_scope_raises(tenants, pair):
    one, other = (tenants[index] for index in pair)
    with one.scope():
        session = SessionStore("a" * 32)
    with other.scope(), pytest.raises(scope.WrongTenant):
        session.get("secret")
    with pytest.raises(scope.NoTenantInScope):
        session.get("secret")


@PAIRS
@pytest.mark.parametrize(
    "use",
    [
        lambda record: record.save(),
        lambda record: record.delete(),
        lambda record: record.refresh_from_db(),
        join_the_only_user,
        lambda record: list(User.objects.filter(groups=record)),
        lambda record: Group.objects.bulk_update([record], ["name"]),
    ],
    ids=["save", "delete", "refresh", "add", "filter", "bulk_update"],
)
@pytest.mark.parametrize("through", [lambda r: r, lambda r: pickle.loads(pickle.dumps(r))])
def test_a_record_of_another_tenant_raises_whatever_is_done_with_it(tenants, pair, use, through):
    one, other = (tenants[index] for index in pair)
    with one.scope():
        record = through(Group.objects.get())
    with other.scope():
        with pytest.raises(scope.WrongTenant):
            use(record)
        assert by_query() == [other.slug]


@PAIRS
def test_equality_is_djangos_and_knows_no_tenant(tenants, pair):
    # Not closable, and said so: Django compares model and id.
    one, other = (tenants[index] for index in pair)
    with one.scope():
        mine: Any = Group.objects.get()
    with other.scope():
        theirs: Any = Group.objects.get()
    assert mine == theirs
    assert (mine._state.db.tenant_id, theirs._state.db.tenant_id) == (one.id, other.id)


@PAIRS
def test_a_serialised_record_is_a_new_one_where_it_is_loaded(tenants, pair):
    one, other = (tenants[index] for index in pair)
    with one.scope():
        text = serializers.serialize("json", Group.objects.all())
    with other.scope():
        loaded: Any
        (loaded,) = serializers.deserialize("json", text)
        # It names no tenant: saving it is writing the other's data, under the other's eyes.
        assert loaded.object.name == one.slug
        assert by_query() == [other.slug]
    with one.scope():
        assert by_query() == [one.slug]


def test_content_types_do_not_pass_from_one_tenant_to_another(tenants):
    for tenant in tenants:
        with tenant.scope():
            found: Any = ContentType.objects.get_for_model(Group)
            assert found == ContentType.objects.get(app_label="auth", model="group")
            assert found._state.db.tenant_id == tenant.id
