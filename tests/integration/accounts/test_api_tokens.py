from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.errors import TokenRefused, TooManyTokens
from accounts.models import ApiToken, User
from accounts.services.api_tokens import authenticate, issue_token, revoke_token
from accounts.services.first_sign_in import welcome_path
from accounts.services.members import deactivate
from sharding import scope

TOKENS = "/account/tokens/"
SIGN_OUT = "/account/profile/sign-out/"


@pytest.fixture
def ann(dune, make_member):
    return make_member(dune, "ann")


def issue(workspace, member, expires=None):
    with workspace.scope():
        return issue_token(member, "nightly", expires)


def test_a_token_says_whose_it_is_and_lets_its_member_act(dune, ann):
    token, text = issue(dune, ann)
    assert text.startswith(f"atoll_{dune.place.tenant_id}_{token.pk.hex}_")
    with dune.scope():
        assert authenticate(text) == ann


def test_the_secret_is_kept_nowhere(dune, ann):
    _, text = issue(dune, ann)
    secret = text.rpartition("_")[2] or text
    with dune.scope():
        assert not any(secret in str(value) for value in ApiToken.objects.values().get().values())


@pytest.mark.parametrize("elsewhere", ["elm", "fern"])
def test_a_token_is_refused_at_another_tenant_even_if_its_row_is_there(
    dune, ann, elsewhere, request
):
    other = request.getfixturevalue(elsewhere)
    token, text = issue(dune, ann)
    with other.scope():
        theirs = User.objects.get(email=other.email)
        ApiToken.objects.create(
            pk=token.pk, user=theirs, name="copied", secret_hash=token.secret_hash
        )
        with pytest.raises(TokenRefused):
            authenticate(text)
        # The control: with the other's name in it, the copied row would do.
        forged = text.replace(dune.place.tenant_id, other.place.tenant_id)
        assert authenticate(forged) == theirs
        ApiToken.objects.all().delete()


def test_without_a_tenant_there_is_nobody_to_be(dune, ann):
    _, text = issue(dune, ann)
    with pytest.raises(scope.NoTenantInScope):
        authenticate(text)


def test_revoked_expired_deactivated_and_spoilt_ones_are_refused_alike(dune, ann, make_member):
    revoked, revoked_text = issue(dune, ann)
    _, expired_text = issue(dune, ann, timezone.now() - timedelta(seconds=1))
    gone = make_member(dune, "gone")
    _, gone_text = issue(dune, gone)
    token, good_text = issue(dune, ann, timezone.now() + timedelta(days=1))
    with dune.scope():
        revoke_token(ann, revoked.pk)
        deactivate(gone.pk, by=User.objects.get(email=dune.email))
        assert authenticate(good_text) == ann
        other_id = "0" * 32
        bad = [
            revoked_text,
            expired_text,
            gone_text,
            good_text.replace(token.pk.hex, other_id),
            good_text[:-1] + ("x" if good_text[-1] != "x" else "y"),
            good_text + "x",
            good_text.upper(),
            "",
            "atoll___",
            "x" * 10_000,
        ]
        said = set()
        for text in bad:
            with pytest.raises(TokenRefused) as refused:
                authenticate(text)
            said.add(str(refused.value))
    assert len(said) == 1


def test_the_last_use_is_noted_at_most_once_a_minute(dune, ann):
    token, text = issue(dune, ann)
    with dune.scope():
        authenticate(text)
        first = ApiToken.objects.get(pk=token.pk).last_used_at
        assert timezone.now() - first < timedelta(seconds=10)
        authenticate(text)
        assert ApiToken.objects.get(pk=token.pk).last_used_at == first
        ApiToken.objects.update(last_used_at=first - timedelta(seconds=61))
        authenticate(text)
        assert ApiToken.objects.get(pk=token.pk).last_used_at > first


def test_a_member_makes_a_token_sees_it_once_and_revokes_it(dune, ann):
    client = dune.member(ann.email)
    page = client.post(TOKENS, {"name": "nightly", "days": "30"}).content.decode()
    with dune.scope():
        token = ApiToken.objects.get(user=ann)
    start = f"atoll_{dune.place.tenant_id}_{token.pk.hex}_"
    text = start + page.partition(start)[2].partition('"')[0]
    with dune.scope():
        assert authenticate(text) == ann
    assert timedelta(days=29) < token.expires_at - timezone.now() < timedelta(days=31)
    later = client.get(TOKENS).content.decode()
    assert "nightly" in later
    assert start not in later
    page = client.post(f"{TOKENS}{token.pk}/revoke/", follow=True).content.decode()
    assert "The token is revoked." in page
    with dune.scope(), pytest.raises(TokenRefused):
        authenticate(text)


def test_nobody_sees_or_revokes_anothers_tokens(dune, elm, ann):
    token, text = issue(dune, ann)
    for client in (dune.member(), elm.member()):
        assert "nightly" not in client.get(TOKENS).content.decode()
        assert client.post(f"{TOKENS}{token.pk}/revoke/").status_code == 404
    with dune.scope():
        assert authenticate(text) == ann


def test_a_token_may_be_for_ever(dune, ann):
    dune.member(ann.email).post(TOKENS, {"name": "for ever", "days": "0"})
    with dune.scope():
        assert ApiToken.objects.get(user=ann).expires_at is None


def test_the_oldest_token_is_shown_as_long_as_it_is_good(dune, ann):
    oldest, _ = issue(dune, ann)
    with dune.scope():
        ApiToken.objects.filter(pk=oldest.pk).update(name="the oldest")
        for _ in range(101):
            revoke_token(ann, issue_token(ann, "gone", None)[0].pk)
    page = dune.member(ann.email).get(TOKENS).content.decode()
    assert "the oldest" in page
    assert f"{TOKENS}{oldest.pk}/revoke/" in page


def test_a_member_has_so_many_good_tokens(dune, ann, settings, together):
    settings.ATOLL_API_TOKENS_PER_MEMBER = 2
    expired, _ = issue(dune, ann, timezone.now() - timedelta(seconds=1))
    results = together(*[lambda: issue(dune, ann)] * 5)
    assert sum(isinstance(result, TooManyTokens) for result in results) == 3, results
    client = dune.member(ann.email)
    page = client.post(TOKENS, {"name": "one more", "days": "30"}).content.decode()
    assert "No more than 2 tokens may be good at once." in page
    with dune.scope():
        assert ApiToken.objects.filter(user=ann).exclude(pk=expired.pk).count() == 2


def works(workspace, text):
    try:
        with workspace.scope():
            authenticate(text)
    except TokenRefused:
        return False
    return True


@pytest.mark.parametrize("ticked", [True, False])
def test_a_password_set_by_a_link_ends_ones_tokens_where_the_box_is_ticked(
    dune, ann, make_member, ticked
):
    (_, text), (_, others) = issue(dune, ann), issue(dune, make_member(dune, "bob"))
    with dune.scope():
        path = welcome_path(ann)
    page = dune.visitor().get(path).content.decode()
    assert 'name="ends_tokens" id="id_ends_tokens" checked' in page
    box = {"ends_tokens": "on"} if ticked else {}
    dune.visitor().post(path, {"new_password": "quite another pass phrase", **box})
    assert works(dune, text) is not ticked
    assert works(dune, others)


@pytest.mark.parametrize("ticked", [True, False])
def test_signing_out_elsewhere_ends_ones_tokens_where_the_box_is_ticked(dune, ann, ticked):
    _, text = issue(dune, ann)
    client = dune.member(ann.email)
    page = client.get("/account/profile/").content.decode()
    assert '<input type="checkbox" id="ends-tokens" name="ends_tokens">' in page
    client.post(SIGN_OUT, {"ends_tokens": "on"} if ticked else {})
    assert works(dune, text) is not ticked
