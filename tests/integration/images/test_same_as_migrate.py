"""A schema that was made from the image is what Django's migrations make."""

import dataclasses
import logging
from datetime import timedelta

import psycopg
import pytest
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType

from migrations_tools.errors import SchemaBusy
from migrations_tools.images.models import Image
from migrations_tools.images.services.build_image import build_image
from migrations_tools.images.services.find_image import body_of
from migrations_tools.images.types import ImageOutcome
from migrations_tools.services import build_schema as module
from migrations_tools.services.build_schema import build_schema
from sharding import scope
from sharding.backend.session_bound import session_bound
from sharding.schemas.connections import Patience, own_connection
from sharding.schemas.errors import ForeignSchema, NoSuchRole
from sharding.schemas.services.create_schema import create_schema
from sharding.schemas.services.describe import describe
from sharding.schemas.services.fingerprint import differences, structure
from sharding.schemas.services.image_replay import ImageBody, create_from_image
from sharding.schemas.services.markers import read_marker
from sharding.schemas.services.tables import has_schema
from sharding.schemas.types import Guard, Phase
from tests.integration.images.conftest import contents


@pytest.fixture
def migrated(new_place, without_image):
    """A schema of Django's own migrations."""
    place = new_place()
    assert not build_schema(place).from_image
    return place


def test_image_and_migrate_make_the_same_catalogue_rows_and_sequences(
    new_place, server, migrated, image
):
    Image.objects.using("control").filter(pk=image.pk).update(refused="")
    made = new_place()
    built = build_schema(made)
    assert built.from_image
    with own_connection(server) as own:
        assert differences(structure(own, migrated.schema), structure(own, made.schema)) == ()
        assert len(structure(own, made.schema)) > 200
        assert contents(own, migrated.schema) == contents(own, made.schema)
        assert len(contents(own, made.schema)["django_migrations"]) == len(built.migrations)
        one, other = read_marker(own, migrated.schema), read_marker(own, made.schema)
    assert (one.digest, one.fingerprint, one.major) == (
        other.digest,
        other.fingerprint,
        other.major,
    )
    assert other.fingerprint == image.fingerprint


def test_it_is_furnished_open_and_of_its_placement_s_epoch(new_place, server, image):
    place = new_place()
    built = build_schema(place)
    found = describe(server, place.schema)
    assert found.lacks == ()
    assert {table.guard for table in found.tables} == {Guard.DISARMED}
    marker = found.marker
    assert (marker.phase, marker.epoch, marker.digest) == (Phase.ACTIVE, place.epoch, built.digest)
    assert (built.created, built.from_image) == (True, True)
    assert "workspace.0001_initial" in built.migrations


def test_tenants_of_two_shards_get_the_same_ids_and_share_nothing(new_place):
    here, there = new_place("alpha"), new_place("beta")
    ids = []
    for place in (here, there):
        assert build_schema(place).from_image
        with scope.enter(place):
            types = dict(ContentType.objects.values_list("model", "id"))
            permissions = dict(Permission.objects.values_list("codename", "id"))
            ids.append((types, permissions))
    assert ids[0] == ids[1]
    assert min(ids[0][0].values()) >= 1_000_000
    with scope.enter(here):
        ContentType.objects.all().delete()
    with scope.enter(there):
        assert ContentType.objects.exists()


def test_each_tenant_s_migrations_were_applied_when_it_was_made(new_place, server):
    places = new_place(), new_place()
    for place in places:
        build_schema(place)
    with own_connection(server) as own:
        times = [
            own.execute(f"SELECT DISTINCT applied FROM {place.schema}.django_migrations").fetchall()
            for place in places
        ]
    assert times[0] != times[1]
    assert [len(found) for found in times] == [1, 1]


def test_migrations_go_on_from_there(new_place):
    place = new_place()
    first = build_schema(place)
    again = build_schema(place)
    assert (again.created, again.migrations, again.from_image) == (False, (), False)
    assert again.digest == first.digest
    with session_bound(place):
        assert ContentType.objects.filter(app_label="workspace").exists()


def test_what_has_no_image_is_built_by_migrations_and_the_cause_is_told(
    new_place, without_image, caplog, server
):
    place = new_place()
    with caplog.at_level(logging.WARNING, "atoll.images"):
        built = build_schema(place)
    assert not built.from_image
    assert "because it has no image: it was refused: a test does without it" in caplog.text
    assert describe(server, place.schema).lacks == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"digest": "0" * 32}, "it is stale"),
        ({"major": 99}, "none was built for PostgreSQL"),
        ({"body": b"CREATE TABLE \x00.half (id int);\nSELECT 1/0\x00\x00\x00\x00"}, "division by"),
    ],
    ids=["stale", "missing", "broken"],
)
def test_a_stale_missing_or_broken_image_never_makes_a_wrong_schema(
    new_place, image, caplog, server, change, said
):
    kept = (
        Image.objects.using("control").filter(pk=image.pk).values("digest", "major", "body").get()
    )
    # A new row, since bodies are kept by row and time.
    row = Image.objects.using("control").filter(pk=image.pk)
    row.update(**change, built_at="2001-01-01T00:00:00Z")
    place = new_place()
    try:
        with caplog.at_level(logging.WARNING, "atoll.images"):
            built = build_schema(place)
    finally:
        Image.objects.using("control").filter(pk=image.pk).update(**kept, built_at=image.built_at)
    assert not built.from_image
    assert said in caplog.text
    with own_connection(server) as own:
        assert "half" not in contents(own, place.schema)
        assert read_marker(own, place.schema).fingerprint == image.fingerprint


def test_a_schema_that_was_begun_is_finished_by_migrations(new_place, server, image):
    place = new_place()
    create_schema(server, place.schema)
    built = build_schema(place)
    assert not built.from_image
    with own_connection(server) as own:
        assert read_marker(own, place.schema).fingerprint == image.fingerprint


def test_creating_twice_changes_nothing(new_place, server, image):
    place = new_place()
    with own_connection(server) as own:
        assert create_from_image(own, server, place.schema, body_of(image), epoch=1) is True
        before = contents(own, place.schema)
        assert create_from_image(own, server, place.schema, body_of(image), epoch=9) is False
        assert contents(own, place.schema) == before
        assert read_marker(own, place.schema).epoch == 1


def test_without_its_role_or_over_somebody_s_schema_nothing_is_made(new_place, server, image):
    place = new_place()
    with own_connection(server) as own:
        with pytest.raises(NoSuchRole):
            create_from_image(own, server, "tnobody000", body_of(image), epoch=1)
        own.execute(f"CREATE SCHEMA {place.schema}")
        with pytest.raises(ForeignSchema):
            create_from_image(own, server, place.schema, body_of(image), epoch=1)
        assert read_marker(own, "tnobody000") is None
        assert read_marker(own, place.schema) is None
        assert contents(own, place.schema) == {}


def test_inside_a_transaction_nothing_is_made(new_place, server, image):
    place = new_place()
    with own_connection(server) as own:
        with pytest.raises(RuntimeError), own.transaction():
            create_from_image(own, server, place.schema, body_of(image), epoch=1)
        assert read_marker(own, place.schema) is None
        assert not has_schema(own, place.schema)


def _huge(image: Image) -> ImageBody:
    """So large that one fills the lock table."""
    return dataclasses.replace(body_of(image), locks=10**7)


def test_as_many_images_at_once_as_fill_half_of_the_lock_table(new_place, server, image):
    waits, passes, later = new_place(), new_place(), new_place()
    with own_connection(server) as first, own_connection(server) as second:
        second.execute("SET lock_timeout TO '200ms'")
        with first.transaction():
            first.execute("SELECT pg_advisory_xact_lock(hashtext('atoll.image'), 0)")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                create_from_image(second, server, waits.schema, _huge(image), epoch=1)
            assert create_from_image(second, server, passes.schema, body_of(image), epoch=1)
        assert create_from_image(second, server, later.schema, _huge(image), epoch=1)


def test_who_waits_too_long_for_a_slot_is_told_to_try_again(new_place, server, image, monkeypatch):
    monkeypatch.setattr(module, "_PATIENCE", Patience(lock=timedelta(milliseconds=200)))
    monkeypatch.setattr(module, "body_of", _huge)
    place = new_place()
    with own_connection(server) as other, other.transaction():
        other.execute("SELECT pg_advisory_xact_lock(hashtext('atoll.image'), 0)")
        with pytest.raises(SchemaBusy):
            build_schema(place)
    assert build_schema(place).from_image


def test_an_image_of_migrations_that_were_edited_since_is_stale(new_place, image, caplog):
    rows = Image.objects.using("control").filter(pk=image.pk)
    rows.update(source="0" * 32)
    place = new_place()
    try:
        with caplog.at_level(logging.WARNING, logger="atoll.images"):
            assert not build_schema(place).from_image
        assert "migrations were edited since it was built" in caplog.text
        told = build_image(dry_run=True)
        assert [one.outcome for one in told.images] == [ImageOutcome.TO_BUILD]
    finally:
        rows.update(source=image.source)
    assert [one.outcome for one in build_image(dry_run=True).images] == [ImageOutcome.KEPT]


def test_an_image_of_an_older_release_is_believed_until_the_next_build(new_place, image):
    rows = Image.objects.using("control").filter(pk=image.pk)
    rows.update(source="")
    try:
        assert build_schema(new_place()).from_image
        assert build_image(dry_run=True).missing
    finally:
        rows.update(source=image.source)
