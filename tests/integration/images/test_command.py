"""`build_image`, as a person meets it."""

import io
import json
import re

import pytest
from django.core.management import CommandError, call_command

from migrations_tools.images.models import Image
from migrations_tools.images.services.build_image import build_image
from migrations_tools.states import wanted_state
from sharding.placements.models import Shard
from sharding.schemas.connections import own_connection

SHORT = 12


def run(*arguments: str) -> str:
    out = io.StringIO()
    call_command("build_image", *arguments, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture
def nothing_built(image):
    """As after a deploy of new migrations."""
    kept = Image.objects.using("control").filter(pk=image.pk)
    kept.update(digest="0" * 32)
    yield
    Image.objects.using("control").filter(digest=image.digest).exclude(pk=image.pk).delete()
    kept.update(digest=image.digest, refused="", body=image.body)


def test_what_is_there_is_kept(image):
    said = run()
    assert said.startswith(
        f"State {image.digest[:SHORT]} of {len(wanted_state().nodes)} migrations"
    )
    assert f"PostgreSQL {image.major}: is there ({image.statements} statements" in said
    assert Image.objects.using("control").get(digest=image.digest).built_at == image.built_at


@pytest.mark.usefixtures("nothing_built")
def test_a_dry_run_says_what_would_be_built_and_builds_nothing(image):
    before = list(Image.objects.using("control").values_list("pk", "digest"))
    said = run("--dry-run")
    assert re.search(rf"PostgreSQL {image.major}: to build, on (alpha|beta)\.$", said)
    with pytest.raises(CommandError, match=r"manage\.py build_image") as caught:
        run("--check")
    assert caught.value.returncode == 1
    assert list(Image.objects.using("control").values_list("pk", "digest")) == before


def test_a_check_that_finds_all_says_so(image):
    assert "is there" in run("--check")


def test_json_is_the_receipt(image):
    told = json.loads(run("--json"))
    assert (told["digest"], told["dropped"]) == (image.digest, 0)
    (one,) = told["images"]
    assert (one["major"], one["outcome"], one["locks"]) == (image.major, "kept", image.locks)


@pytest.mark.usefixtures("nothing_built")
def test_a_refused_image_is_kept_as_the_reason_until_it_is_forced(image, settings):
    settings.ATOLL_IMAGE_EXPRESSIONS = {"django_migrations.applied": "no_such_function()"}
    with pytest.raises(CommandError, match="slower and no less right") as caught:
        run()
    assert caught.value.returncode == 1
    row = Image.objects.using("control").get(digest=image.digest)
    assert "no_such_function" in row.refused
    assert not row.body
    # Said again without a build; and mended, with --force, it is built.
    with pytest.raises(CommandError):
        run("--check")
    settings.ATOLL_IMAGE_EXPRESSIONS = {}
    said = run("--force")
    assert re.search(r"built on (alpha|beta)", said)
    assert Image.objects.using("control").get(digest=image.digest).fingerprint == image.fingerprint


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--major", "99"), "No shard in use has major 99"),
        (("--major", "new"), "invalid int value"),
        (("--no-such-option",), "unrecognized arguments"),
        (("beta",), "unrecognized arguments"),
    ],
)
def test_wrong_arguments_are_refused(image, arguments, said):
    before = Image.objects.using("control").count()
    with pytest.raises(CommandError, match=said):
        run(*arguments)
    assert Image.objects.using("control").count() == before


@pytest.mark.usefixtures("nothing_built")
def test_without_pg_dump_it_says_what_to_install(server, settings):
    settings.ATOLL_PG_DUMP = "/nowhere/pg_dump"
    before = Image.objects.using("control").count()
    with pytest.raises(CommandError, match="ATOLL_PG_DUMP"):
        run()
    assert Image.objects.using("control").count() == before
    with own_connection(server) as own:
        found = own.execute("SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'tmpl%'")
        assert found.fetchone() == (0,)


@pytest.mark.usefixtures("image")
def test_the_shard_with_the_fewest_tenants_is_taken(stack_ready):
    Shard.objects.using("control").filter(name="alpha").update(state="draining")
    try:
        (one,) = build_image(dry_run=True, force=True).images
        assert one.shard == "beta"
    finally:
        Shard.objects.using("control").filter(name="alpha").update(state="active")


def test_images_of_states_that_no_schema_is_at_are_forgotten(image):
    old = Image.objects.using("control").create(digest="1" * 32, major=image.major)
    receipt = build_image()
    assert receipt.dropped >= 1
    assert not Image.objects.using("control").filter(pk=old.pk).exists()
