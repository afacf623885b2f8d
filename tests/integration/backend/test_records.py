"""P4: a record of one tenant cannot be used in another's scope, however it gets there."""

import copy
import pickle
from types import SimpleNamespace

import pytest
from django.db import connection, models

from sharding import scope
from sharding.backend.guards import install_guards, uninstall_guards
from sharding.backend.stamping import install_stamping, uninstall_stamping
from tests.integration.backend.models import Author, Note, Remark, Tag


@pytest.fixture
def both(grounds):
    """The same ids in a and b, and a's records at hand; b in scope."""
    for place in (grounds.a, grounds.b):
        with scope.enter(place):
            author = Author.objects.create(name=place.role)
            note = Note.objects.create(text=place.role, author=author)
            note.tags.add(Tag.objects.create(name=place.role))
    with scope.enter(grounds.a):
        held = SimpleNamespace(
            a=grounds.a,
            b=grounds.b,
            c=grounds.c,
            author=Author.objects.get(),
            note=Note.objects.get(),
            tag=Tag.objects.get(),
            kept=Author.objects.using(Author.objects.all().db),
        )
    with scope.enter(grounds.b):
        yield held


WAYS = {
    "save": lambda r: r.author.save(),
    "save some fields": lambda r: r.author.save(update_fields=["name"]),
    "delete": lambda r: r.author.delete(),
    "refresh": lambda r: r.author.refresh_from_db(),
    "create with a relation": lambda r: Note.objects.create(text="x", author=r.author),
    "assign a relation": lambda r: setattr(Note(text="x"), "author", r.author),
    "assign to a record of b": lambda r: setattr(Note.objects.get(), "author", r.author),
    "follow a relation": lambda r: r.note.author,
    "reverse relation": lambda r: list(r.author.note_set.all()),
    "add through a reverse relation": lambda r: r.author.note_set.create(text="x"),
    "filter": lambda r: list(Note.objects.filter(author=r.author)),
    "exclude": lambda r: list(Note.objects.exclude(author=r.author)),
    "filter in": lambda r: list(Note.objects.filter(author__in=[r.author])),
    "filter by a many-to-many": lambda r: list(Note.objects.filter(tags=r.tag)),
    "update": lambda r: Note.objects.update(author=r.author),
    "bulk_create": lambda r: Author.objects.bulk_create([r.author]),
    "bulk_create with a relation": lambda r: Note.objects.bulk_create(
        [Note(text="x", author=r.author)]
    ),
    "bulk_update": lambda r: Author.objects.bulk_update([r.author], ["name"]),
    "get_or_create": lambda r: Note.objects.get_or_create(author=r.author, text="x"),
    "update_or_create": lambda r: Note.objects.update_or_create(
        text="x", defaults={"author": r.author}
    ),
    "tags add": lambda r: Note.objects.get().tags.add(r.tag),
    "tags set": lambda r: Note.objects.get().tags.set([r.tag]),
    "tags remove": lambda r: Note.objects.get().tags.remove(r.tag),
    "tags of a's note": lambda r: list(r.note.tags.all()),
    "clear tags of a's note": lambda r: r.note.tags.clear(),
    "prefetch onto a's note": lambda r: models.prefetch_related_objects([r.note], "author"),
    "generic relation": lambda r: Remark.objects.create(text="x", target=r.note),
    "generic reverse": lambda r: list(r.note.remarks.all()),
    "a kept queryset": lambda r: list(r.kept),
    "a kept queryset updates": lambda r: r.kept.update(name="x"),
    "a kept queryset deletes": lambda r: r.kept.all().delete(),
    "a kept queryset creates": lambda r: r.kept.create(name="x"),
    "a kept queryset counts": lambda r: r.kept.count(),
    "a kept queryset aggregates": lambda r: r.kept.aggregate(models.Max("id")),
    "raw SQL on a kept alias": lambda r: list(r.kept.raw("SELECT * FROM backend_tests_author")),
    "a copy": lambda r: copy.copy(r.author).save(),
    "a deep copy": lambda r: copy.deepcopy(r.author).save(),
    "a pickle": lambda r: pickle.loads(pickle.dumps(r.author)).save(),
}


def rows_of(place):
    with scope.enter(place), connection.cursor() as cursor:
        found = []
        for model in (Author, Note, Tag, Remark):
            cursor.execute(f'SELECT * FROM "{model._meta.db_table}" ORDER BY 1')
            found.append(cursor.fetchall())
        cursor.execute("SELECT * FROM backend_tests_note_tags ORDER BY 1")
        return [*found, cursor.fetchall()]


@pytest.mark.parametrize("use", WAYS.values(), ids=WAYS.keys())
def test_a_record_of_a_is_refused_in_b_and_nothing_changes(both, use):
    before = rows_of(both.b)
    with pytest.raises(scope.WrongTenant, match=both.a.tenant_id):
        use(both)
    assert rows_of(both.b) == before


@pytest.mark.parametrize("use", WAYS.values(), ids=WAYS.keys())
def test_the_same_is_refused_on_another_shard(both, use):
    scope.replace(both.c)
    with scope.enter(both.c):
        for model, values in ((Author, {"name": "c"}), (Tag, {"name": "c"})):
            model.objects.create(**values)
        Note.objects.create(text="c", author=Author.objects.get())
    before = rows_of(both.c)
    with pytest.raises(scope.WrongTenant, match=both.a.tenant_id):
        use(both)
    assert rows_of(both.c) == before
    scope.replace(both.b)


@pytest.mark.parametrize("name", ["bulk_update", "tags set", "tags remove", "filter", "update"])
def test_negative_control_without_the_guards_these_cross(both, name):
    uninstall_guards()
    try:
        WAYS[name](both)  # no error: what the guards are for
    finally:
        install_guards()
    with pytest.raises(scope.WrongTenant):
        WAYS[name](both)


def test_records_work_in_their_own_scope_again(both):
    with scope.enter(both.a):
        both.author.name = "new"
        both.author.save()
        both.note.author = both.author
        both.note.save()
        both.note.tags.set([both.tag])
        assert list(both.kept.values_list("name", flat=True)) == ["new"]
        Remark.objects.create(text="x", target=both.note)
        assert both.note.remarks.count() == 1


def test_every_way_to_read_gives_records_that_know_their_tenant(both):
    for place in (both.a, both.b):
        with scope.enter(place):
            note = Note.objects.select_related("author").get()
            Remark.objects.get_or_create(
                text="x", object_id=note.pk, content_type=_content_type(Note)
            )
            records = [
                note,
                note.author,
                Note.objects.prefetch_related("tags").get().tags.all()[0],
                Note.objects.get().author.note_set.get(),
                Note.objects.in_bulk()[note.pk],
                Author.objects.raw("SELECT * FROM backend_tests_author")[0],
                *Author.objects.bulk_create([Author(name="bulk")]),
                Author.objects.get_or_create(name="goc")[0],
                Remark.objects.get().target,
                note.remarks.get(),
                *(Author.objects.filter(pk=1) | Author.objects.filter(pk=1)),
                next(Author.objects.iterator()),
                Author.objects.earliest("pk"),
                pickle.loads(pickle.dumps(note)),
                copy.deepcopy(note),
            ]
            assert {record._state.db.tenant_id for record in records} == {place.tenant_id}
            assert {record._state.db for record in records} == {"alpha"}


def _content_type(model):
    from django.contrib.contenttypes.models import ContentType

    return ContentType.objects.get_for_model(model)


def test_a_plain_queryset_made_in_a_and_read_in_b_reads_b(both):
    with scope.enter(both.a):
        kept = Author.objects.filter(name__startswith="t")
    assert [author.name for author in kept] == [both.b.role]
    assert kept[0]._state.db.tenant_id == both.b.tenant_id


def test_a_record_pickled_before_a_move_is_still_its_tenants(both):
    author = both.author
    author._state.db = type(author._state.db)("beta", both.a.tenant_id)  # as if read elsewhere
    with scope.enter(both.a):
        author.refresh_from_db()
        assert author._state.db == "alpha"


def _read(alias):
    return Author.objects.using(alias).get()


def _read_raw(alias):
    return Author.objects.using(alias).raw("SELECT * FROM backend_tests_author")[0]


def _made(alias):
    return Author.objects.using(alias).create(name="made")


def _made_in_bulk(alias):
    return Author.objects.using(alias).bulk_create([Author(name="made")])[0]


def _saved(alias):
    author = Author(name="saved")
    author.save(using=alias)
    return author


def _managed(alias):
    return Author.objects.db_manager(alias).first()


@pytest.mark.parametrize("alias", ["alpha", "default"])
@pytest.mark.parametrize("make", [_read, _read_raw, _made, _made_in_bulk, _saved, _managed])
def test_a_record_met_by_naming_an_alias_knows_its_tenant_all_the_same(both, alias, make):
    author = make(alias)
    author.save()
    Note.objects.create(text="mine", author=author)
    assert Note.objects.filter(author=author, text="mine").count() == 1
    with scope.enter(both.a):
        for use in (
            author.save,
            author.delete,
            lambda: Note.objects.create(text="x", author=author),
            lambda: list(Note.objects.filter(author=author)),
            lambda: Author.objects.bulk_update([author], ["name"]),
        ):
            with pytest.raises(scope.WrongTenant, match=both.b.tenant_id):
                use()


@pytest.mark.parametrize("alias", ["alpha", "default"])
def test_a_record_that_names_no_tenant_is_refused(both, alias):
    author = _read(alias)
    author._state.db = alias  # as code does that makes records on its own
    for use in (
        author.save,
        lambda: Note.objects.create(text="x", author=author),
        lambda: list(Note.objects.filter(author=author)),
        lambda: Author.objects.bulk_update([author], ["name"]),
    ):
        with pytest.raises(scope.Unstamped, match="read past the router"):
            use()


def test_without_the_stamping_a_bare_alias_names_no_tenant(both):
    """The negative control."""
    uninstall_stamping()
    try:
        for make in (_read, _saved):
            with pytest.raises(scope.Unstamped):
                Note.objects.create(text="x", author=make("alpha"))
    finally:
        install_stamping()


def test_a_queryset_that_names_an_alias_is_of_the_scope_in_which_it_runs(both):
    authors = Author.objects.using("alpha").all()
    assert authors.get().name == both.b.role
    with scope.enter(both.a):
        other = authors.all().get()
        assert other.name == both.a.role
        other.save()
    with pytest.raises(scope.WrongTenant):
        other.save()


def test_not_closable_an_id_is_just_a_number(both):
    """A foreign id says nothing of its tenant: here it means b's row."""
    note = Note.objects.create(text="x", author_id=both.author.pk)
    assert note.author.name == both.b.role


def test_not_closable_records_with_equal_ids_are_equal(both):
    """Django compares model and id only: no sets or dicts across tenants."""
    mine = Author.objects.get()
    assert mine == both.author
    assert hash(mine) == hash(both.author)
    assert len({mine, both.author}) == 1
