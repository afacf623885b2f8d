import pytest
from django.urls import set_urlconf

from accounts.errors import LinkNotGood
from accounts.models import SignInAttempt, User
from accounts.services import password_links
from accounts.services.first_sign_in import welcome_path
from tenants.outbox.models import Message

FORGOTTEN = "/account/password/forgotten/"
CHANGE = "/account/password/"
NEW = "quite another pass phrase"


def ask(workspace, email, ip="192.0.2.7"):
    return workspace.visitor().post(FORGOTTEN, {"email": email}, REMOTE_ADDR=ip)


def can_sign_in(workspace, email, password):
    answer = workspace.visitor().post(
        "/account/sign-in/", {"username": email, "password": password}
    )
    return answer.status_code == 302


def test_a_forgotten_password_is_set_anew_by_a_link_on_the_tenants_own_host(
    dune, make_member, post
):
    member = make_member(dune, "ann")
    assert ask(dune, " ANN@dune.example").status_code == 200
    letter = post.only(dune)
    assert letter.to == [member.email]
    assert letter.subject == "A new password for Dune Cars"
    assert "http://dune.localhost/account/password/" in letter.body
    visitor = dune.visitor()
    path = post.path_in(letter)
    assert member.email in visitor.get(path).content.decode()
    answer = visitor.post(path, {"new_password": NEW})
    assert (answer.status_code, answer["location"]) == (302, "/")
    assert visitor.get("/account/profile/").status_code == 200
    assert can_sign_in(dune, member.email, NEW)
    assert not can_sign_in(dune, member.email, dune.password)
    assert post.only(dune).subject == "Your password for Dune Cars was changed"


def test_a_link_is_good_once(dune, make_member, post):
    ask(dune, make_member(dune, "ann").email)
    path = post.path_in(post.only(dune))
    dune.visitor().post(path, {"new_password": NEW})
    again = dune.visitor().post(path, {"new_password": "a third pass phrase"})
    assert again.status_code == 404
    assert "This link is not good" in again.content.decode()
    assert can_sign_in(dune, "ann@dune.example", NEW)


def test_a_link_that_two_people_use_at_the_same_moment_works_for_one(dune, make_member, together):
    member = make_member(dune, "ann")
    with dune.scope():
        *_, pk, token, _ = welcome_path(member).split("/")

    def use(password):
        with dune.scope():
            return password_links.set_password_by_link(pk, token, password=password)

    results = together(*[lambda n=n: use(f"pass phrase number {n}") for n in range(4)])
    assert sum(isinstance(result, User) for result in results) == 1
    assert sum(isinstance(result, LinkNotGood) for result in results) == 3


@pytest.mark.parametrize("elsewhere", ["elm", "fern"])
def test_a_link_of_one_tenant_is_nothing_at_another_even_for_a_twin(dune, elsewhere, request):
    other = request.getfixturevalue(elsewhere)
    with dune.scope():
        member = User.objects.get(email=dune.email)
        path = welcome_path(member)
        copied = User.objects.filter(pk=member.pk).values().get()
    with other.scope():
        # The same key, address, password and dates: only the tenant differs.
        User.objects.create(**copied)
    try:
        assert dune.visitor().get(path).status_code == 200
        assert other.visitor().get(path).status_code == 404
        refused = other.visitor().post(path, {"new_password": NEW})
        assert refused.status_code == 404
        with other.scope():
            assert User.objects.get(pk=member.pk).password == copied["password"]
    finally:
        with other.scope():
            User.objects.filter(pk=member.pk).delete()


def test_a_link_is_good_for_an_hour(dune, make_member, settings):
    member = make_member(dune, "ann")
    with dune.scope():
        path = welcome_path(member)
    assert settings.PASSWORD_RESET_TIMEOUT == 3600
    assert dune.visitor().get(path).status_code == 200
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert dune.visitor().get(path).status_code == 404


@pytest.mark.parametrize("spoilt", ["xx-0000", "secret", "c0ffee-ffffffffffffffffffffffffffffffff"])
def test_a_link_that_nobody_made_opens_nothing(dune, make_member, spoilt):
    member = make_member(dune, "ann")
    path = f"/account/password/{member.pk}/{spoilt}/"
    assert dune.visitor().get(path).status_code == 404
    assert dune.visitor().post(path, {"new_password": NEW}).status_code == 404


def test_signing_in_or_out_everywhere_spoils_the_links_of_before(dune, make_member):
    member = make_member(dune, "ann")
    with dune.scope():
        first = welcome_path(member)
    client = dune.member(member.email)
    assert dune.visitor().get(first).status_code == 404
    with dune.scope():
        second = welcome_path(User.objects.get(pk=member.pk))
    assert dune.visitor().get(second).status_code == 200
    client.post("/account/profile/sign-out/")
    assert dune.visitor().get(second).status_code == 404


def test_nothing_tells_whether_an_address_is_a_members(dune, make_member, post):
    make_member(dune, "ann")
    make_member(dune, "gone", is_active=False)
    answers, messages = [], []
    for name in ("ann", "nobody", "gone"):
        email = f"{name}@dune.example"
        page = ask(dune, email).content.decode()
        answers.append(page.replace(email, "…"))
        with dune.scope():
            (message,) = Message.objects.filter(topic="mail", payload__to=email)
            messages.append(str(message.payload).replace(email, "…"))
    assert len(set(answers)) == len(set(messages)) == 1
    assert [letter.to for letter in post.read(dune)] == [["ann@dune.example"]]


def test_a_member_of_another_tenant_gets_no_mail_here(dune, elm, post):
    ask(dune, elm.email)
    assert post.read(dune) == post.read(elm) == []


def test_so_many_mails_and_no_more_are_sent_to_one_address(dune, make_member, post):
    member = make_member(dune, "ann")
    answers = [ask(dune, member.email, ip=f"192.0.2.{n}").status_code for n in range(5)]
    assert answers == [200, 200, 200, 429, 429]
    assert len(post.read(dune)) == 3


def test_a_link_opens_the_door_to_somebody_who_was_locked_out(dune, make_member, post):
    member = make_member(dune, "ann")
    for _ in range(10):
        assert not can_sign_in(dune, member.email, "wrong")
    assert not can_sign_in(dune, member.email, dune.password)
    ask(dune, member.email)
    dune.visitor().post(post.path_in(post.only(dune)), {"new_password": NEW})
    assert can_sign_in(dune, member.email, NEW)


def test_no_link_lies_in_the_outbox(dune, make_member):
    ask(dune, make_member(dune, "ann").email)
    with dune.scope():
        (message,) = Message.objects.filter(topic="mail")
    assert message.payload == {
        "template": "accounts/password_reset",
        "to": "ann@dune.example",
        "context": {},
        "link": ["password-reset", "ann@dune.example"],
    }


def test_a_weak_password_is_refused_with_a_summary_that_leads_to_the_field(dune, make_member):
    member = make_member(dune, "ann")
    with dune.scope():
        path = welcome_path(member)
    answer = dune.visitor().post(path, {"new_password": "password"})
    page = answer.content.decode()
    assert answer.status_code == 200
    assert 'role="alert"' in page
    assert 'href="#id_new_password"' in page
    assert 'aria-invalid="true"' in page
    assert can_sign_in(dune, member.email, dune.password)


def test_the_first_admin_sets_a_password_by_a_link_made_on_a_public_page(dune, make_member):
    member = make_member(dune, "first", User.Role.ADMIN)
    with dune.scope():
        member.set_unusable_password()
        member.save()
        set_urlconf("config.urls_public")
        try:
            path = welcome_path(member)
        finally:
            set_urlconf(None)
    visitor = dune.visitor()
    assert "Welcome to Dune Cars" in visitor.get(path).content.decode()
    visitor.post(path, {"new_password": NEW})
    assert visitor.get("/account/members/").status_code == 200


def test_changing_the_password_asks_for_the_old_one(dune, make_member):
    member = make_member(dune, "ann")
    client = dune.member(member.email)
    answer = client.post(CHANGE, {"old_password": "wrong", "new_password": NEW})
    assert "This is not your password so far." in answer.content.decode()
    assert not can_sign_in(dune, member.email, NEW)
    answer = client.post(CHANGE, {"old_password": dune.password, "new_password": NEW}, follow=True)
    assert "Your password is changed." in answer.content.decode()
    assert can_sign_in(dune, member.email, NEW)


def test_guessing_the_old_password_with_a_stolen_session_is_limited(dune, make_member):
    client = dune.member(make_member(dune, "ann").email)
    answers = [
        client.post(CHANGE, {"old_password": f"guess {n}", "new_password": NEW}).status_code
        for n in range(11)
    ]
    assert answers == [200] * 10 + [429]
    with dune.scope():
        assert SignInAttempt.objects.count() == 10
