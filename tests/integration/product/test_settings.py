"""What admins choose for their workspace: name, logo, time zone."""

import io
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.core.cache import cache
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connections
from django.test.utils import CaptureQueriesContext
from PIL import Image, PngImagePlugin

from accounts.models import User
from sharding import scope
from sharding.placements.models import AuditEntry
from tenants.errors import InvalidName
from tenants.models import Tenant
from tenants.services.change_name import change_name
from tests.integration.product.conftest import make
from workspace.logo import LARGEST_LOGO, LOGO_BOX
from workspace.models import Ticket, WorkspaceSettings
from workspace.services.preferences import KEY, forget_preferences, preferences
from workspace.services.tickets import open_ticket


def picture(size=(900, 300), kind="PNG", mode="RGB", **options):
    out = io.BytesIO()
    Image.new(mode, size, "teal").save(out, kind, **options)
    return out.getvalue()


@pytest.fixture(scope="module")
def shale(stack_ready):
    return make("shale", "Shale Works", "alpha")


@pytest.fixture(autouse=True)
def _nothing_chosen(shale):
    yield
    with shale.scope():
        WorkspaceSettings.objects.all().delete()
        forget_preferences()


def send_logo(tenant, content, name="logo.png"):
    return tenant.member().post("/settings/logo/", {"logo": SimpleUploadedFile(name, content)})


def logos():
    folder = Path(default_storage.location) / "logos"
    return [path.name for path in folder.iterdir()] if folder.is_dir() else []


def read(answer):
    return b"".join(answer.streaming_content)


def test_a_new_name_is_shown_at_once_and_audited_and_the_neighbour_keeps_his(shale, acme):
    admin = shale.member()
    assert admin.post("/settings/name/", {"name": "  Shale   & Sons "}).status_code == 302
    assert "Shale &amp; Sons" in admin.get("/").content.decode()
    assert "Acme Tools" in acme.member().get("/").content.decode()
    with scope.enter(scope.CONTROL):
        entry = AuditEntry.objects.filter(
            subject=shale.place.tenant_id, action="tenant.name"
        ).latest("pk")
        assert (entry.before, entry.after) == ({"name": "Shale Works"}, {"name": "Shale & Sons"})
        assert entry.actor.startswith("member:")
        assert "@" not in entry.actor
    change_name("shale", "Shale Works")


@pytest.mark.parametrize(
    "name", ["", "  ", "x" * 151, "a\u202eb", "nul\x00", "Win at evil.example"]
)
def test_what_cannot_be_a_name_is_refused_and_nothing_changes(shale, name):
    with pytest.raises(InvalidName):
        change_name("shale", name)
    assert shale.member().post("/settings/name/", {"name": name}).status_code == 422
    assert Tenant.objects.using("control").get(slug="shale").name == "Shale Works"


def test_times_are_shown_in_the_chosen_zone_for_this_tenant_only(shale, acme):
    for tenant in (shale, acme):
        with tenant.scope():
            admin = User.objects.get(email=tenant.email)
            moment = datetime(2026, 7, 1, 23, 30, tzinfo=UTC)
            ticket = open_ticket(Ticket(title="Midnight", opened_at=moment), by=admin)
            address = ticket.get_absolute_url()
        if tenant is shale:
            chosen = tenant.member().post("/settings/time-zone/", {"time_zone": "Asia/Tokyo"})
            assert chosen.status_code == 302
        shown = "2 Jul 2026, 08:30" if tenant is shale else "1 Jul 2026, 23:30"
        assert shown in tenant.member().get(address).content.decode()


def test_a_country_is_one_of_the_platform_s_own_list(shale, acme):
    admin = shale.member()
    assert "New Zealand" in admin.get("/settings/").content.decode()
    assert admin.post("/settings/country/", {"country": "NZ"}).status_code == 302
    with shale.scope():
        assert WorkspaceSettings.objects.get().country.name == "New Zealand"
    assert admin.post("/settings/country/", {"country": "XX"}).status_code == 422
    with shale.scope():
        assert preferences().country == "NZ"
    with acme.scope():
        assert preferences().country == ""
    assert admin.post("/settings/country/", {"country": ""}).status_code == 302
    with shale.scope():
        assert preferences().country == ""


@pytest.mark.parametrize("unlike", ["older", "newer", "otherwise"])
def test_what_another_release_has_kept_of_preferences_does_no_harm(shale, unlike):
    with shale.scope():
        WorkspaceSettings.objects.update_or_create(
            pk=WorkspaceSettings.ONLY, defaults={"country_id": "NZ"}
        )
        forget_preferences()
        known = asdict(preferences())
        assert cache.get(KEY) == known
        older = {name: known[name] for name in known if name != "country"}
        kept = {"older": older, "newer": {**known, "more": 1}, "otherwise": ("UTC", "")}[unlike]
        cache.set(KEY, kept)
        assert preferences().country == "NZ"
        # What is whole is read, and not asked for again.
        assert cache.get(KEY) == (kept if unlike == "newer" else known)


def test_a_zone_that_is_none_is_refused(shale):
    answer = shale.member().post("/settings/time-zone/", {"time_zone": "Mars/Olympus"})
    assert answer.status_code == 422
    with shale.scope():
        assert preferences().time_zone == "UTC"


def test_a_logo_is_made_anew_and_shown_to_whoever_is_to_sign_in(shale, acme):
    note = PngImagePlugin.PngInfo()
    note.add_text("Comment", "<script>alert('a secret')</script>")
    sent = picture(pnginfo=note) + b"<script>alert(1)</script>"
    assert send_logo(shale, sent).status_code == 302
    page = shale.visitor().get("/account/sign-in/").content.decode()
    address = page.split('<img src="')[1].split('"')[0]
    answer = shale.visitor().get(address)
    assert (answer.status_code, answer["content-type"]) == (200, "image/png")
    kept = read(answer)
    assert b"script" not in kept
    with Image.open(io.BytesIO(kept)) as image:
        assert image.size == (LOGO_BOX[0], LOGO_BOX[0] // 3)
    assert acme.visitor().get(address).status_code == 404
    assert "<img" not in acme.visitor().get("/account/sign-in/").content.decode()


def test_another_logo_gets_another_address_and_the_old_file_goes(shale):
    send_logo(shale, picture())
    with shale.scope():
        (first,) = logos()
    send_logo(shale, picture((10, 10), "JPEG"), "new.jpg")
    with shale.scope():
        (second,) = logos()
    assert second != first
    assert shale.visitor().get(f"/logo/{first}/").status_code == 404
    shale.visitor().get(f"/logo/{second}/").close()
    assert shale.member().post("/settings/logo/", {"remove": "1"}).status_code == 302
    with shale.scope():
        assert logos() == []
        assert preferences().logo == ""


@pytest.mark.parametrize(
    "content",
    [
        b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>",
        b"\x89PNG\r\n\x1a\n and no picture",
        picture()[:200],
        b"x" * (LARGEST_LOGO + 1),
        # In black and white, which takes a moment to pack.
        picture((8000, 8000), mode="1"),
    ],
    ids=["svg", "no picture", "half a picture", "too large", "too many pixels"],
)
def test_what_is_no_picture_is_refused_and_the_logo_stays(shale, content):
    send_logo(shale, picture())
    with shale.scope():
        before = logos()
    assert send_logo(shale, content).status_code == 422
    with shale.scope():
        assert logos() == before
        assert preferences().logo == f"logos/{before[0]}"


def test_a_logo_that_cannot_be_recorded_leaves_no_file(shale, monkeypatch):
    from django.core.files.base import ContentFile

    from workspace.services import preferences as service

    class Full(ContentFile):
        def chunks(self, chunk_size=None):
            yield b"half"
            raise OSError("No space left on device")

    monkeypatch.setattr(service, "ContentFile", Full)
    with shale.scope(), pytest.raises(OSError, match="No space"):
        service.choose_logo(SimpleUploadedFile("logo.png", picture()))
    with shale.scope():
        assert logos() == []
        assert not preferences().logo


def test_only_admins_see_and_change_settings(shale):
    with shale.scope():
        User.objects.create_user("agent@shale.example", "long enough")
    agent = shale.member("agent@shale.example", "long enough")
    refused = agent.get("/settings/")
    assert refused.status_code == 403
    assert "Your role here is Agent" in refused.content.decode()
    for part, sent in {
        "name": {"name": "Mine"},
        "time-zone": {"time_zone": "Asia/Tokyo"},
        "country": {"country": "NZ"},
        "logo": {"remove": "1"},
    }.items():
        assert agent.post(f"/settings/{part}/", sent).status_code == 403
    assert "/settings/" not in agent.get("/").content.decode()
    assert "/settings/" in shale.member().get("/").content.decode()
    assert shale.visitor().get("/settings/").status_code == 302
    assert Tenant.objects.using("control").get(slug="shale").name == "Shale Works"


def test_a_forms_address_that_is_opened_as_a_page_says_so(shale):
    visitor = shale.member()
    told = visitor.get("/settings/logo/")
    assert (told.status_code, told.headers["Allow"]) == (405, "POST")
    assert "This address only takes what a form sends" in told.content.decode()
    assert told.headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert visitor.put("/settings/logo/").content == b"", "a program's business"
    assert b"a form sends" not in visitor.put("/api/v1/tickets").content


def test_the_second_page_reads_no_settings_from_the_database(shale):
    member = shale.member()
    member.get("/tickets/")
    with shale.scope(), CaptureQueriesContext(connections["default"]) as queries:
        member.get("/tickets/")
    assert not [each for each in queries if "workspacesettings" in each["sql"]]


def test_a_page_full_of_times_asks_for_the_zone_once(shale, monkeypatch):
    from workspace.services import preferences as service

    with shale.scope():
        admin = User.objects.get(email=shale.email)
        for number in range(10):
            open_ticket(Ticket(title=f"t{number}"), by=admin)
    member = shale.member()
    asked = []
    monkeypatch.setattr(
        service, "preferences", lambda: asked.append(1) or service.Preferences("Asia/Tokyo")
    )
    member.get("/tickets/")
    assert asked == [1]
