"""What goes out with a private file, whoever sends it."""

from pathlib import Path
from urllib.parse import unquote

import pytest
from django.core.exceptions import SuspiciousFileOperation
from django.core.files.base import ContentFile
from django.db import models
from django.db.models.fields.files import FieldFile
from django.http import Http404

from sharding import scope
from tenants.files import FILE_POLICY, SHOWN_INLINE, send_private
from tenants.storage import TenantStorage

A = scope.Placement("t0aaaaaa", "alpha", "t0aaaaaa", 1, "0a")
B = scope.Placement("t0bbbbbb", "alpha", "t0bbbbbb", 1, "0b")


@pytest.fixture(autouse=True)
def _files_of_this_test(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture
def by(request, settings):
    settings.ATOLL_ACCEL_PREFIX = "/_files/" if request.param == "a front server" else ""
    return request.param


def kept(content=b"content", name="a.bin"):
    field = models.FileField(storage=TenantStorage())
    return FieldFile(None, field, field.storage.save(name, ContentFile(content)))


def sent(**how):
    with scope.enter(A):
        response = send_private(kept(), **how)
    response.close()
    return response


@pytest.mark.parametrize("by", ["this process", "a front server"], indirect=True)
@pytest.mark.parametrize("inline", [False, True])
@pytest.mark.parametrize("name", ["a.png", "a.svg", "a.html", "a", "a.csv"])
def test_no_file_can_do_anything_in_a_browser(by, name, inline):
    response = sent(name=name, inline=inline)
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == FILE_POLICY
    assert "sandbox" in FILE_POLICY
    assert response["Cache-Control"] == "private, no-cache"


@pytest.mark.parametrize("name", ["a.html", "a.svg", "a.xml", "a.js", "a.xhtml", "a.png.htm", "a"])
def test_what_could_hold_a_script_is_only_ever_saved_and_never_by_its_type(name):
    response = sent(name=name, inline=True)
    assert response["Content-Type"] == "application/octet-stream"
    assert response["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize("suffix", SHOWN_INLINE)
def test_pictures_are_shown_if_that_is_wanted(suffix):
    assert sent(name=f"a{suffix.upper()}", inline=True)["Content-Disposition"].startswith("inline")
    assert sent(name=f"a{suffix}")["Content-Disposition"].startswith("attachment")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Übersicht für Zoë.csv", "Übersicht für Zoë.csv"),
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\me\\plan.txt", "plan.txt"),
        ("a\r\nSet-Cookie: x=1.txt", "aSet-Cookie: x=1.txt"),
        ("photo\u202egnp.exe", "photognp.exe"),
        ('say "hello".txt', 'say "hello".txt'),
        ("\n", "file"),
        ("", "file"),
    ],
)
def test_names_arrive_whole_and_harmless(name, shown):
    header = sent(name=name)["Content-Disposition"]
    _, _, told = header.partition("filename")
    if told.startswith("*"):
        assert unquote(told.removeprefix("*=utf-8''")) == shown
    else:
        assert told.removeprefix("=").strip('"').replace('\\"', '"') == shown
    assert "\r" not in header
    assert "\n" not in header


def test_this_process_sends_the_content_itself():
    with scope.enter(A):
        response = send_private(kept(b"mine"), name="a.txt")
        assert b"".join(response.streaming_content) == b"mine"
    response.close()
    assert response["Content-Type"] == "text/plain; charset=utf-8"
    assert not response.has_header("X-Accel-Redirect")


@pytest.mark.parametrize("by", ["a front server"], indirect=True)
@pytest.mark.parametrize("name", ["a.bin", "deep/er/ä b%20.bin"])
def test_a_front_server_is_told_the_tenants_own_file(by, name, settings):
    found = {}
    for place in (A, B):
        with scope.enter(place):
            response = send_private(kept(name=name), name="a.bin")
        found[place] = response["X-Accel-Redirect"]
        assert response.content == b""
        assert found[place].startswith(f"/_files/tenants/{place.tenant_id}/")
        named = unquote(found[place].removeprefix("/_files/"))
        assert (Path(settings.MEDIA_ROOT) / named).read_bytes() == b"content"
    assert found[A] != found[B]


@pytest.mark.parametrize("by", ["this process", "a front server"], indirect=True)
class TestRefusals:
    def test_the_other_tenants_file_is_not_there(self, by):
        with scope.enter(A):
            mine = kept(b"secret", "secret.bin")
        with scope.enter(B), pytest.raises(Http404):
            send_private(mine, name="a.bin")
        with scope.enter(A):
            send_private(mine, name="a.bin").close()

    def test_without_a_tenant_nothing_is_sent(self, by):
        with scope.enter(A):
            mine = kept()
        for nobody in (None, scope.CONTROL):
            with scope.enter(nobody), pytest.raises(scope.NoTenantInScope):
                send_private(mine, name="a.bin")

    @pytest.mark.parametrize("evil", ["../t0bbbbbb/a.bin", "/etc/hostname", "a/../../../x"])
    def test_no_name_leads_out_of_the_folder(self, by, evil):
        with scope.enter(B):
            kept(name="a.bin")
        with scope.enter(A), pytest.raises(SuspiciousFileOperation):
            send_private(FieldFile(None, kept().field, evil), name="a.bin")

    @pytest.mark.parametrize("name", ["gone.bin", None, ""])
    def test_a_file_that_is_gone_is_a_404(self, by, name):
        with scope.enter(A), pytest.raises(Http404):
            send_private(FieldFile(None, kept().field, name), name="a.bin")
