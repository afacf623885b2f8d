import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.exceptions import ImproperlyConfigured
from django.db import transaction

from accounts.errors import TooManyAttempts
from accounts.models import SignInAttempt
from accounts.services.attempts import Purpose, begin_attempt, purge_attempts

SIGN_IN = "/account/sign-in/"


def sign_in(workspace, email, password, ip="192.0.2.7", **options):
    return workspace.visitor(**options).post(
        SIGN_IN, {"username": email, "password": password}, REMOTE_ADDR=ip
    )


def fail(workspace, email, times, ip="192.0.2.7"):
    for _ in range(times):
        assert sign_in(workspace, email, "wrong", ip).status_code == 200


def test_an_address_is_locked_after_ten_failures_also_for_the_right_password(dune):
    fail(dune, dune.email, 10)
    refused = sign_in(dune, dune.email, dune.password, ip="198.51.100.1")
    assert refused.status_code == 429
    assert 0 < int(refused["Retry-After"]) <= 15 * 60
    assert "Too many attempts. Try again in 15 minutes." in refused.content.decode()


def test_nine_failures_lock_nobody(dune):
    fail(dune, dune.email, 9)
    assert sign_in(dune, dune.email, dune.password).status_code == 302


@pytest.mark.parametrize("other", ["elm", "fern"])
def test_the_same_address_at_another_tenant_is_not_locked(dune, other, request, make_member):
    other = request.getfixturevalue(other)
    member = make_member(other, "both")
    fail(dune, member.email, 10)
    assert sign_in(dune, member.email, "wrong").status_code == 429
    assert sign_in(other, member.email, other.password).status_code == 302


def test_an_unknown_address_is_locked_in_the_same_words(dune):
    answers = []
    for email in (dune.email, "nobody@dune.example"):
        fail(dune, email, 10)
        answers.append(sign_in(dune, email, "wrong"))
    errors = [answer.context["form"].non_field_errors() for answer in answers]
    assert errors[0] == errors[1]
    assert [answer.status_code for answer in answers] == [429, 429]


def test_a_place_is_locked_that_tries_one_address_after_the_other(dune, settings):
    settings.ATOLL_SIGN_INS_PER_IP = 5
    for number in range(5):
        fail(dune, f"guess{number}@dune.example", 1)
    assert sign_in(dune, dune.email, dune.password).status_code == 429
    assert sign_in(dune, dune.email, dune.password, ip="198.51.100.1").status_code == 302


def test_signing_in_takes_back_the_failures_of_before_from_there_only(dune):
    fail(dune, dune.email, 6)
    fail(dune, dune.email, 2, ip="198.51.100.1")
    assert sign_in(dune, dune.email, dune.password).status_code == 302
    with dune.scope():
        left = SignInAttempt.objects.filter(succeeded=False)
        assert [attempt.ip for attempt in left] == ["198.51.100.1"] * 2


def test_an_address_opens_again_when_its_failures_are_old(dune, settings):
    fail(dune, dune.email, 10)
    assert sign_in(dune, dune.email, dune.password).status_code == 429
    settings.ATOLL_SIGN_IN_MINUTES = 0.00001
    assert sign_in(dune, dune.email, dune.password).status_code == 302


class Explodes:
    """A backend that ends a request half way."""

    def authenticate(self, request, **credentials):
        raise ImproperlyConfigured("half way")


def test_an_attempt_is_counted_also_when_its_request_fails(dune, settings):
    settings.AUTHENTICATION_BACKENDS = [f"{__name__}.Explodes"]
    answer = sign_in(dune, dune.email, "wrong", raise_request_exception=False)
    assert answer.status_code == 500
    with dune.scope():
        assert SignInAttempt.objects.count() == 1


def test_an_attempt_is_not_begun_where_a_rollback_could_take_it_back(dune):
    with dune.scope():
        with pytest.raises(RuntimeError, match="durable"), transaction.atomic():
            begin_attempt("a@dune.example", ip=None, purpose=Purpose.SIGN_IN)
        assert not SignInAttempt.objects.exists()


def test_of_thirty_at_the_same_moment_ten_are_looked_at(dune, together):
    answers = together(*[lambda: sign_in(dune, dune.email, "wrong").status_code] * 30)
    assert set(answers) <= {200, 429}
    assert answers.count(200) <= 10
    with dune.scope():
        assert SignInAttempt.objects.count() <= 10


def test_what_is_refused_writes_nothing(dune):
    fail(dune, dune.email, 10)
    with dune.scope():
        before = list(SignInAttempt.objects.values_list("pk", "at"))
    for _ in range(3):
        assert sign_in(dune, dune.email, "wrong").status_code == 429
    with dune.scope():
        assert list(SignInAttempt.objects.values_list("pk", "at")) == before


class Counting(MD5PasswordHasher):
    """Counts how often it works."""

    times = 0

    def encode(self, *args, **kwargs):
        type(self).times += 1
        return super().encode(*args, **kwargs)


def test_no_kind_of_failure_costs_other_work_than_another(dune, make_member, settings):
    settings.PASSWORD_HASHERS = [f"{__name__}.Counting"]
    make_member(dune, "closed", is_active=False)
    unset = make_member(dune, "unset")
    with dune.scope():
        unset.set_unusable_password()
        unset.save()
    costs = {}
    make_member(dune, "known")
    for name in ("known", "closed", "unset", "nobody"):
        Counting.times = 0
        fail(dune, f"{name}@dune.example", 1)
        costs[name] = Counting.times
    assert costs == dict.fromkeys(costs, 1)


def test_the_table_stays_small_whoever_floods_it(dune, settings):
    settings.ATOLL_SIGN_INS_KEPT = 20
    with dune.scope():
        for number in range(150):
            begin_attempt(f"{number}@dune.example", ip=None, purpose=Purpose.SIGN_IN)
        assert SignInAttempt.objects.count() <= 120


def test_old_attempts_are_purged_and_new_ones_stay(dune, elm, settings):
    for workspace in (dune, elm):
        fail(workspace, workspace.email, 2)
    with dune.scope():
        assert purge_attempts() == 0
        settings.ATOLL_SIGN_IN_MINUTES = 0.00001
        assert purge_attempts() == 2
    with elm.scope():
        assert SignInAttempt.objects.count() == 2


def test_no_address_that_somebody_typed_is_kept(dune):
    fail(dune, "secret.affair@elsewhere.example", 1)
    with dune.scope():
        (row,) = SignInAttempt.objects.values()
        assert not any("secret" in str(value) for value in row.values())


def test_ipv6_counts_by_the_network(dune, settings):
    settings.ATOLL_SIGN_INS_PER_IP = 2
    fail(dune, "a@dune.example", 1, ip="2001:db8:1:2::1")
    fail(dune, "b@dune.example", 1, ip="2001:db8:1:2:ffff::9")
    with dune.scope(), pytest.raises(TooManyAttempts):
        begin_attempt("c@dune.example", ip="2001:db8:1:2::", purpose=Purpose.SIGN_IN)
    assert sign_in(dune, "c@dune.example", "wrong", ip="2001:db8:1:2::3").status_code == 429
    assert sign_in(dune, "c@dune.example", "wrong", ip="2001:db8:1:3::3").status_code == 200
