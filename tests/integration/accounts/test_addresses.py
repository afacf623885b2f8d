import pytest

from accounts.models import User
from tenants.outbox.models import Message

ADDRESS = "/account/address/"


@pytest.fixture
def ann(dune, make_member):
    with dune.scope():
        User.objects.filter(email__startswith="anna").delete()
    return make_member(dune, "ann")


def ask(workspace, client, email, password=None):
    return client.post(ADDRESS, {"email": email, "password": password or workspace.password})


def address_of(workspace, member):
    with workspace.scope():
        return User.objects.get(pk=member.pk).email


def test_an_address_changes_when_the_new_one_has_answered(dune, ann, post):
    client = dune.member(ann.email)
    answer = ask(dune, client, "Anna@Dune.example")
    assert "A link is on its way" in answer.content.decode()
    letter = post.only(dune)
    assert letter.to == ["anna@dune.example"]
    path = post.path_in(letter)
    visitor = dune.visitor()
    assert "Confirm" in visitor.get(path).content.decode()
    assert address_of(dune, ann) == "ann@dune.example"  # mail programs open links by themselves
    assert "From now on you sign in as" in visitor.post(path).content.decode()
    assert address_of(dune, ann) == "anna@dune.example"
    assert client.get("/account/profile/").status_code == 200
    with dune.scope():
        (told,) = Message.objects.filter(topic="member-address")
        assert told.payload == {"user": str(ann.pk), "email": "anna@dune.example"}
    notice = post.only(dune)
    assert (notice.to, "anna@dune.example" in notice.body) == (["ann@dune.example"], True)
    assert visitor.post(path).status_code == 404, "a link is good once"


def test_a_stolen_session_is_not_enough(dune, ann, post):
    answer = ask(dune, dune.member(ann.email), "thief@dune.example", password="wrong")
    assert "This is not your password." in answer.content.decode()
    assert post.read(dune) == []


def test_an_address_that_somebody_has_is_told_only_to_them(dune, ann, make_member, post):
    make_member(dune, "bob")
    answers = []
    for name in ("bob", "anna"):
        email = f"{name}@dune.example"
        page = ask(dune, dune.member(ann.email), email).content.decode()
        answers.append(page.partition("<main")[2].replace(email, "…"))
    assert answers[0] == answers[1] != ""
    to_bob = next(letter for letter in post.read(dune) if letter.to == ["bob@dune.example"])
    refused = dune.visitor().post(post.path_in(to_bob))
    assert refused.status_code == 409
    assert address_of(dune, ann) == "ann@dune.example"


@pytest.mark.parametrize("elsewhere", ["elm", "fern"])
def test_a_link_of_one_tenant_is_nothing_at_another_even_for_a_twin(
    dune, ann, elsewhere, request, post
):
    other = request.getfixturevalue(elsewhere)
    ask(dune, dune.member(ann.email), "anna@dune.example")
    path = post.path_in(post.only(dune))
    with dune.scope():
        copied = User.objects.filter(pk=ann.pk).values().get()
    with other.scope():
        User.objects.create(**copied)
    try:
        assert other.visitor().post(path).status_code == 404
        assert address_of(other, ann) == "ann@dune.example"
        assert dune.visitor().get(path).status_code == 200
    finally:
        with other.scope():
            User.objects.filter(pk=ann.pk).delete()


def test_a_link_dies_with_the_password_and_the_member(dune, ann, post, settings):
    client = dune.member(ann.email)
    ask(dune, client, "anna@dune.example")
    path = post.path_in(post.only(dune))
    client.post("/account/profile/sign-out/")
    assert dune.visitor().post(path).status_code == 404
    ask(dune, client, "anna@dune.example")
    path = post.path_in(post.only(dune))
    settings.PASSWORD_RESET_TIMEOUT = -1
    assert dune.visitor().post(path).status_code == 404
    settings.PASSWORD_RESET_TIMEOUT = 3600
    with dune.scope():
        User.objects.filter(pk=ann.pk).update(is_active=False)
    assert dune.visitor().post(path).status_code == 404
    assert address_of(dune, ann) == "ann@dune.example"
