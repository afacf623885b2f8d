import pytest

from accounts.models import User

PROFILE = "/account/profile/"


def test_a_member_says_a_name_and_a_time_zone(dune, elm, make_member):
    member = make_member(dune, "ann")
    client = dune.member(member.email)
    page = client.post(PROFILE, {"name": "Ann & O'Hara", "time_zone": "Asia/Tokyo"}, follow=True)
    text = page.content.decode()
    assert "Saved." in text
    assert "Ann &amp; O&#x27;Hara" in text
    with dune.scope():
        found = User.objects.get(pk=member.pk)
        assert (found.name, found.time_zone) == ("Ann & O'Hara", "Asia/Tokyo")


def test_times_are_shown_in_the_members_own_zone_and_to_others_in_the_workspaces(dune, make_member):
    tokyo, honolulu = make_member(dune, "ann"), make_member(dune, "bob")
    days = {}
    for member, zone in ((tokyo, "Pacific/Kiritimati"), (honolulu, "Pacific/Pago_Pago")):
        client = dune.member(member.email)
        client.post(PROFILE, {"name": "x", "time_zone": zone})
        with dune.scope():
            User.objects.filter(pk=member.pk).update(joined_at="2026-03-10T10:30:00Z")
        page = client.get(PROFILE).content.decode()
        days[zone] = next(day for day in ("9 Mar", "10 Mar", "11 Mar") if f">{day}" in page)
    assert days == {"Pacific/Kiritimati": "11 Mar", "Pacific/Pago_Pago": "9 Mar"}


@pytest.mark.parametrize("name", ["see http://x", "WWW.x", "Win at evil.example", "<b>", "a@b"])
def test_a_name_that_mail_programs_would_make_a_link_of_is_refused(dune, make_member, name):
    member = make_member(dune, "ann")
    refused = dune.member(member.email).post(PROFILE, {"name": name, "time_zone": ""})
    assert "A name has no address in it" in refused.content.decode()
    with dune.scope():
        assert User.objects.get(pk=member.pk).name == "Ann"


def test_a_zone_that_there_is_not_and_a_role_are_not_taken(dune, make_member):
    member = make_member(dune, "ann")
    client = dune.member(member.email)
    refused = client.post(PROFILE, {"name": "Eve", "time_zone": "../../etc/passwd"})
    assert 'role="alert"' in refused.content.decode()
    client.post(PROFILE, {"name": "Eve", "time_zone": "", "role": "admin", "is_active": ""})
    with dune.scope():
        found = User.objects.get(pk=member.pk)
        assert (found.name, found.role, found.is_active) == ("Eve", User.Role.AGENT, True)
