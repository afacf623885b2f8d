"""`allocate_ids` says what would get ids, gives them, and takes no wrong words."""

import io
import json

import pytest
from django.core.management import CommandError, call_command

from migrations_tools.ids.models import CONTROL, ContentTypeName
from migrations_tools.ids.services.allocate import allocate_known
from migrations_tools.ids.services.recall import read_known

FORGOTTEN = "workspace.ticket"


def run(*words):
    out = io.StringIO()
    call_command("allocate_ids", *words, stdout=out, stderr=io.StringIO())
    return out.getvalue()


@pytest.fixture(autouse=True)
def complete(fleet):
    """Every name has its id, before and after."""
    allocate_known()
    before = read_known()
    yield before
    assert read_known() == before


def test_what_has_ids_already_gets_no_others(complete):
    assert run() == "All content types and permissions have ids.\n"
    told = json.loads(run("--json"))
    assert (told["content_types"], told["permissions"], told["publication"]) == ([], [], None)


def test_a_dry_run_says_what_a_run_does_and_changes_nothing(complete):
    row = ContentTypeName.objects.using(CONTROL).filter(pk=FORGOTTEN)
    row._raw_delete(CONTROL)
    dry = run("--dry-run")
    assert "1 content types were known to shards and not to control" in dry
    assert not row.exists()
    assert "1 content types were known to shards and not to control" in run()
    assert row.exists()


@pytest.mark.parametrize("words", [("alpha",), ("--shard", "alpha"), ("--tenant", "acme")])
def test_words_that_it_does_not_know_are_refused(complete, words):
    with pytest.raises(CommandError, match="unrecognized arguments"):
        run(*words)
