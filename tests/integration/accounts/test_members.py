import threading

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connections, transaction

from accounts.errors import LastAdmin
from accounts.models import User
from accounts.services.members import change_role, deactivate
from tenants.outbox.models import Message

MEMBERS = "/account/members/"


@pytest.fixture
def two_admins(dune, make_member):
    """ann and bob are the only active admins of dune."""
    ann, bob = make_member(dune, "ann", User.Role.ADMIN), make_member(dune, "bob", User.Role.ADMIN)
    with dune.scope():
        others = User.objects.exclude(pk__in=[ann.pk, bob.pk])
        others.update(is_active=False)
    yield ann, bob
    with dune.scope():
        User.objects.filter(email=dune.email).update(is_active=True, role=User.Role.ADMIN)
        User.objects.filter(pk__in=[ann.pk, bob.pk]).delete()


def admins(workspace):
    with workspace.scope():
        return set(
            User.objects.filter(role=User.Role.ADMIN, is_active=True).values_list("name", flat=True)
        )


def path(member, what):
    return f"{MEMBERS}{member.pk}/{what}/"


def test_admins_change_roles_and_others_only_look(dune, make_member):
    ann, vic = make_member(dune, "ann"), make_member(dune, "vic", User.Role.VIEWER)
    for member in (ann, vic):
        client = dune.member(member.email)
        page = client.get(MEMBERS)
        assert page.status_code == 200
        assert "Invite people" not in page.content.decode()
        assert client.post(path(vic, "role"), {"role": "admin"}).status_code == 403
        assert client.post(path(ann, "deactivate")).status_code == 403
        assert (
            client.post(MEMBERS, {"addresses": "x@y.example", "role": "admin"}).status_code == 403
        )
    answer = dune.member().post(path(vic, "role"), {"role": "agent"}, follow=True)
    assert "The role is changed." in answer.content.decode()
    with dune.scope():
        assert User.objects.get(pk=vic.pk).role == User.Role.AGENT


def test_what_third_party_apps_look_at_follows_the_role(dune, make_member):
    member = make_member(dune, "ann")
    for role, flags in (("admin", (True, True)), ("viewer", (False, False))):
        dune.member().post(path(member, "role"), {"role": role})
        with dune.scope():
            found = User.objects.get(pk=member.pk)
            assert (found.is_staff, found.is_superuser) == flags


def test_a_role_that_there_is_not_is_refused(dune, make_member):
    member = make_member(dune, "ann")
    assert dune.member().post(path(member, "role"), {"role": "king"}).status_code == 400
    with dune.scope():
        assert User.objects.get(pk=member.pk).role == User.Role.AGENT


@pytest.mark.parametrize("elsewhere", ["elm", "fern"])
def test_an_admin_of_another_tenant_finds_nobody(dune, elsewhere, make_member, request):
    member = make_member(dune, "ann")
    stranger = request.getfixturevalue(elsewhere).member()
    for what in ("role", "deactivate", "reactivate"):
        assert stranger.post(path(member, what), {"role": "viewer"}).status_code == 404
    with dune.scope():
        found = User.objects.get(pk=member.pk)
        assert (found.role, found.is_active) == (User.Role.AGENT, True)


def test_somebody_deactivated_is_out_at_once_and_in_again_when_reactivated(dune, make_member):
    member = make_member(dune, "ann")
    client = dune.member(member.email)
    dune.member().post(path(member, "deactivate"))
    assert client.get("/").status_code == 302
    signs_in = {"username": member.email, "password": dune.password}
    assert dune.visitor().post("/account/sign-in/", signs_in).status_code == 200
    dune.member().post(path(member, "reactivate"))
    assert client.get("/").status_code == 302  # sessions of before stay ended
    assert dune.visitor().post("/account/sign-in/", signs_in).status_code == 302


def test_coming_and_going_is_told_with_the_change(dune, make_member):
    member = make_member(dune, "ann")
    dune.member().post(path(member, "deactivate"))
    dune.member().post(path(member, "deactivate"))  # nothing new, nothing told
    dune.member().post(path(member, "reactivate"))
    with dune.scope():
        told = Message.objects.filter(topic="member-address").order_by("pk")
        assert [message.payload for message in told] == [
            {"user": str(member.pk), "email": None},
            {"user": str(member.pk), "email": member.email},
        ]


@pytest.mark.parametrize(
    ("what", "given"),
    [("role", {"role": "viewer"}), ("role", {"role": "agent"}), ("deactivate", {})],
)
def test_the_last_admin_stays(dune, two_admins, what, given):
    ann, bob = two_admins
    client = dune.member(ann.email)
    assert client.post(path(bob, what), given).status_code == 302
    refused = client.post(path(ann, what), given)
    assert refused.status_code == 409
    assert "is the only active admin" in refused.content.decode()
    assert admins(dune) == {"Ann"}


def test_a_deactivated_admin_counts_for_nothing(dune, two_admins):
    ann, bob = two_admins
    with dune.scope():
        User.objects.filter(pk=bob.pk).update(is_active=False)
        with pytest.raises(LastAdmin):
            deactivate(ann.pk, by=ann)
        deactivate(bob.pk, by=ann)
    assert admins(dune) == {"Ann"}


def test_two_admins_who_remove_each_other_at_the_same_moment_leave_one(dune, two_admins, together):
    ann, bob = two_admins

    def remove(member, by):
        with dune.scope():
            return deactivate(member.pk, by=by)

    results = together(lambda: remove(ann, bob), lambda: remove(bob, ann))
    assert sum(isinstance(result, User) for result in results) == 1
    assert sum(isinstance(result, PermissionDenied) for result in results) == 1
    assert len(admins(dune)) == 1


def test_two_admins_who_step_down_at_the_same_moment_leave_one(dune, two_admins):
    """The second waits for the first on a connection of its own, and then is the last."""
    ann, bob = two_admins
    result = []

    def step_down():
        try:
            with dune.scope():
                change_role(bob.pk, User.Role.AGENT, by=bob)
        except LastAdmin as error:
            result.append(error)
        finally:
            connections.close_all()

    second = threading.Thread(target=step_down)
    with dune.scope(), transaction.atomic():
        change_role(ann.pk, User.Role.AGENT, by=ann)
        second.start()
        second.join(timeout=0.5)
        assert second.is_alive(), "it did not wait for the first"
    second.join(timeout=10)
    assert [type(error) for error in result] == [LastAdmin]
    assert admins(dune) == {"Bob"}
