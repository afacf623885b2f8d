from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.errors import (
    AlreadyMember,
    InvitationNotOpen,
    LinkNotGood,
    TooManyInvitationMails,
)
from accounts.models import Invitation, InvitationMail, User
from accounts.services import invitations
from accounts.services.invitation_mails import purge_invitation_mails
from tenants.outbox.models import Message

MEMBERS = "/account/members/"
JOIN = {"name": "Nina New", "new_password": "quite another pass phrase"}


@pytest.fixture(autouse=True)
def _nobody_is_invited(request):
    for name in {"dune", "elm", "fern"} & set(request.fixturenames):
        with request.getfixturevalue(name).scope():
            Invitation.objects.all().delete()
            User.objects.filter(email__startswith="new").delete()


def invite(workspace, addresses, role="agent"):
    return workspace.member().post(MEMBERS, {"addresses": addresses, "role": role}, follow=True)


def waiting(workspace):
    with workspace.scope():
        return list(invitations.open_invitations())


def joined(workspace, email):
    with workspace.scope():
        return User.objects.filter(email=email).first()


def test_somebody_invited_chooses_name_and_password_and_is_in(dune, post):
    page = invite(dune, "New@Dune.example", "viewer")
    assert "Invited. The mails are on their way." in page.content.decode()
    letter = post.only(dune)
    assert letter.to == ["new@dune.example"]
    assert letter.subject == f"{dune.email} invites you to Dune Cars"
    assert "join Dune Cars as Viewer" in letter.body
    visitor = dune.visitor()
    path = post.path_in(letter)
    assert "new@dune.example" in visitor.get(path).content.decode()
    answer = visitor.post(path, JOIN)
    assert (answer.status_code, answer["location"]) == (302, "/")
    assert "Nina New" in visitor.get(MEMBERS).content.decode()
    member = joined(dune, "new@dune.example")
    assert (member.name, member.role, member.is_staff) == ("Nina New", "viewer", False)
    assert waiting(dune) == []


def test_joining_is_told_with_the_change(dune, post):
    invite(dune, "new@dune.example")
    dune.visitor().post(post.path_in(post.only(dune)), JOIN)
    member = joined(dune, "new@dune.example")
    with dune.scope():
        (told,) = Message.objects.filter(topic="member-address")
        assert told.payload == {"user": str(member.pk), "email": "new@dune.example"}


def test_several_are_invited_at_once_and_each_has_a_link_of_their_own(dune, post):
    invite(dune, "new1@dune.example, new2@dune.example\nnew3@dune.example;NEW1@dune.example")
    letters = post.read(dune)
    assert sorted(letter.to[0] for letter in letters) == [f"new{n}@dune.example" for n in (1, 2, 3)]
    paths = {letter.to[0]: post.path_in(letter) for letter in letters}
    assert len(set(paths.values())) == 3
    dune.visitor().post(paths["new2@dune.example"], JOIN)
    assert joined(dune, "new2@dune.example")
    assert not joined(dune, "new1@dune.example")


def test_one_wrong_address_and_nobody_is_invited(dune, post):
    page = invite(dune, "new1@dune.example, new2 at dune")
    assert "new2 is not an e-mail address." in page.content.decode()
    page = invite(dune, f"new1@dune.example, {dune.email}")
    assert f"{dune.email} is a member already." in page.content.decode()
    assert waiting(dune) == post.read(dune) == []


def test_a_link_is_good_once(dune, post):
    invite(dune, "new@dune.example")
    path = post.path_in(post.only(dune))
    assert dune.visitor().post(path, JOIN).status_code == 302
    assert dune.visitor().get(path).status_code == 404
    assert dune.visitor().post(path, JOIN).status_code == 404


def test_of_four_who_open_a_link_at_the_same_moment_one_joins(dune, post, together):
    invite(dune, "new@dune.example")
    *_, pk, secret, _ = post.path_in(post.only(dune)).split("/")

    def accept(name):
        with dune.scope():
            return invitations.accept(pk, secret, name=name, password="quite another pass phrase")

    results = together(*[lambda n=n: accept(f"New {n}") for n in range(4)])
    assert sum(isinstance(result, User) for result in results) == 1
    assert sum(isinstance(result, LinkNotGood) for result in results) == 3


@pytest.mark.parametrize("elsewhere", ["elm", "fern"])
def test_a_link_of_one_tenant_is_nothing_at_another_even_if_the_row_is_there(
    dune, elsewhere, request, post
):
    other = request.getfixturevalue(elsewhere)
    invite(dune, "new@dune.example")
    path = post.path_in(post.only(dune))
    with dune.scope():
        copied = Invitation.objects.values().get()
    with other.scope():
        copied["invited_by_id"] = User.objects.get(email=other.email).pk
        # What the other tenant would have signed for the same invitation.
        own = invitations._hash(invitations._secret(copied["id"], copied["expires_at"]))
        assert own != copied["token_hash"]
        Invitation.objects.create(**copied | {"token_hash": own})
    assert other.visitor().get(path).status_code == 404
    assert other.visitor().post(path, JOIN).status_code == 404
    assert not joined(other, "new@dune.example")
    assert dune.visitor().get(path).status_code == 200


def test_an_invitation_expires_and_is_made_good_by_sending_it_again(dune, post):
    invite(dune, "new@dune.example")
    path = post.path_in(post.only(dune))
    with dune.scope():
        Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert dune.visitor().get(path).status_code == 404
    assert "expired" in dune.member().get(MEMBERS).content.decode()
    (invitation,) = waiting(dune)
    dune.member().post(f"/account/invitations/{invitation.pk}/send/")
    newer = post.path_in(post.only(dune))
    assert newer != path
    assert dune.visitor().get(path).status_code == 404
    assert dune.visitor().post(newer, JOIN).status_code == 302


def test_a_revoked_invitation_is_good_no_more_and_its_mail_is_not_even_sent(dune, post):
    invite(dune, "new1@dune.example, new2@dune.example")
    first, second = sorted(waiting(dune), key=lambda invitation: invitation.email)
    dune.member().post(f"/account/invitations/{first.pk}/revoke/")
    letter = post.only(dune)
    assert letter.to == ["new2@dune.example"]
    page = dune.member().post(f"/account/invitations/{second.pk}/revoke/", follow=True)
    assert "The invitation is revoked." in page.content.decode()
    assert dune.visitor().get(post.path_in(letter)).status_code == 404
    assert waiting(dune) == []
    with dune.scope(), pytest.raises(InvitationNotOpen):
        invitations.resend(first.pk, by=User.objects.get(email=dune.email))


def test_inviting_the_same_person_again_sends_the_invitation_again(dune, post):
    invite(dune, "new@dune.example", "viewer")
    older = post.path_in(post.only(dune))
    invite(dune, "new@dune.example", "admin")
    newer = post.path_in(post.only(dune))
    assert [invitation.role for invitation in waiting(dune)] == ["admin"]
    assert dune.visitor().get(older).status_code == 404
    dune.visitor().post(newer, JOIN)
    assert joined(dune, "new@dune.example").is_superuser


def test_two_admins_who_invite_the_same_person_at_the_same_moment_make_one(dune, together):
    def one_more():
        with dune.scope():
            by = User.objects.get(email=dune.email)
            return invitations.invite(["new@dune.example"], User.Role.AGENT, by=by)

    results = together(*[one_more] * 3)
    assert all(isinstance(result, list) for result in results), results
    assert len(waiting(dune)) == 1


def test_somebody_who_became_a_member_meanwhile_is_sent_to_sign_in(dune, post, make_member):
    invite(dune, "new@dune.example")
    path = post.path_in(post.only(dune))
    make_member(dune, "new")
    answer = dune.visitor().post(path, JOIN)
    assert (answer.status_code, answer["location"]) == (302, "/account/sign-in/")
    with dune.scope(), pytest.raises(AlreadyMember):
        *_, pk, secret, _ = path.split("/")
        invitations.accept(pk, secret, name="x", password="quite another pass phrase")


def test_a_workspace_is_no_way_to_send_mail_to_thousands(dune, settings, post):
    settings.ATOLL_INVITATIONS_OPEN = 3
    invite(dune, "new1@dune.example new2@dune.example")
    page = invite(dune, "new3@dune.example new4@dune.example")
    assert "No more than 3 invitations may be open at once." in page.content.decode()
    assert len(post.read(dune)) == 2
    assert "At most 50 addresses" in invite(dune, "new@x.example " * 51).content.decode()


def test_an_admin_of_another_tenant_can_neither_send_nor_revoke(dune, elm):
    invite(dune, "new@dune.example")
    (invitation,) = waiting(dune)
    for what in ("send", "revoke"):
        answer = elm.member().post(f"/account/invitations/{invitation.pk}/{what}/")
        assert answer.status_code == 404
    assert waiting(dune) == [invitation]


def test_sending_again_and_again_ends(dune, elm, settings, post):
    settings.ATOLL_INVITATION_MAILS_PER_ADDRESS = 3
    invite(dune, "new@dune.example")
    (invitation,) = waiting(dune)
    again = f"/account/invitations/{invitation.pk}/send/"
    assert [dune.member().post(again).status_code for _ in range(4)] == [302, 302, 409, 409]
    refused = dune.member().post(again).content.decode()
    assert "No more than 3 invitations may be sent to new@dune.example within 24 hours" in refused
    assert len(post.read(dune)) == 3
    # Others are invited as ever, and another tenant counts by itself.
    invite(dune, "new2@dune.example")
    invite(elm, "new@dune.example")
    assert (len(post.read(dune)), len(post.read(elm))) == (1, 1)


def test_inviting_and_revoking_again_and_again_ends(dune, settings, post):
    settings.ATOLL_INVITATION_MAILS_PER_ADDRESS = 3
    for _ in range(5):
        page = invite(dune, "new@dune.example").content.decode()
        post.read(dune)
        for invitation in waiting(dune):
            dune.member().post(f"/account/invitations/{invitation.pk}/revoke/")
    assert "No more than 3 invitations may be sent to new@dune.example" in page
    with dune.scope():
        assert Invitation.objects.count() == InvitationMail.objects.count() == 3


def test_a_workspace_mails_so_many_invitations_a_day(dune, settings, together):
    settings.ATOLL_INVITATION_MAILS_PER_DAY = 3
    with dune.scope():
        by = User.objects.get(email=dune.email)

    def one_more(number):
        with dune.scope():
            return invitations.invite([f"new{number}@dune.example"], User.Role.AGENT, by=by)

    results = together(*[lambda n=n: one_more(n) for n in range(6)])
    assert sum(isinstance(result, list) for result in results) == 3, results
    assert sum(isinstance(result, TooManyInvitationMails) for result in results) == 3, results
    page = invite(dune, "new7@dune.example").content.decode()
    assert "No more than 3 invitations may be sent within 24 hours" in page
    assert len(waiting(dune)) == 3
    with dune.scope():
        InvitationMail.objects.update(at=timezone.now() - timedelta(days=1))
        assert purge_invitation_mails() == 3
    invite(dune, "new7@dune.example")
    assert len(waiting(dune)) == 4


@pytest.mark.parametrize(("days", "said"), [(7, "7 days"), (1, "24 hours"), (1 / 24, "1 hour")])
def test_the_mail_says_how_long_the_link_is_good(dune, settings, post, days, said):
    settings.ATOLL_INVITATION_DAYS = days
    invite(dune, "new@dune.example")
    assert f"and good for {said}." in post.only(dune).body
