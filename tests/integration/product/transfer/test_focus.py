"""A part of a page that is fetched again and again takes nobody's place away."""

import re

import pytest
from django.core.files.base import ContentFile

from accounts.models import User
from workspace.models import Export, Import

FETCHED_AGAIN = re.compile(r'<div id="\w+"[^>]* hx-trigger="every \ds"[^>]*>.*</main>', re.DOTALL)
TAKES_FOCUS = re.compile(r"<(?:a|button|input|select|summary|textarea)\b(?![^>]*hidden)[^>]*>")
ID = re.compile(r'\sid="([^"]+)"')


def nameless(page):
    """What can have the focus in the part that is fetched again, and htmx could not find there."""
    (part,) = FETCHED_AGAIN.findall(page)
    focusable = TAKES_FOCUS.findall(part)
    assert focusable
    named = [found[1] for each in focusable if (found := ID.search(each))]
    assert len(set(named)) == len(named)
    return [each for each in focusable if not ID.search(each)]


@pytest.fixture
def export_page(tern):
    with tern.scope():
        admin = User.objects.get(email=tern.email)
        file = ContentFile(b"title\n", name="tickets.csv")
        made = [
            Export.objects.create(requested_by=admin, file=file, row_count=0),
            Export.objects.create(requested_by=admin),
        ]
    yield tern.member().get("/exports/").content.decode()
    with tern.scope():
        Export.objects.filter(pk__in=[each.pk for each in made]).delete()


@pytest.fixture
def import_page(tern, job_of):
    job = job_of(tern, "title\nx\n", 1)
    yield tern.member().get(f"/imports/{job.pk}/").content.decode()
    with tern.scope():
        Import.objects.filter(pk=job.pk).delete()


def test_whatever_has_the_focus_is_found_again(export_page, import_page):
    for page in (export_page, import_page):
        assert nameless(page) == []
        # The negative control.
        assert nameless(ID.sub("", page).replace("<div ", '<div id="x" ')) != []
