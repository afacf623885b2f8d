"""Commands about operators: good, bad and missing arguments, and what they leave."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from console.management.commands import create_operator as module
from console.models import CONTROL, Operator
from sharding.placements.models import AuditEntry
from tests.integration.console.conftest import PASSWORD, code_of

ROOT = Path(__file__).resolve().parents[3]
EMAIL = "cleo@operators.example"


@pytest.fixture(autouse=True)
def _nobody(stack_ready, monkeypatch):
    monkeypatch.delenv(module.PASSWORD_VARIABLE, raising=False)
    yield
    Operator.objects.using(CONTROL).filter(email=EMAIL).delete()


def run(*words, **options):
    out, told = io.StringIO(), io.StringIO()
    call_command(*words, stdout=out, stderr=told, **options)
    return out.getvalue()


def cleo():
    return Operator.objects.using(CONTROL).filter(email=EMAIL).first()


def refused(*words):
    with pytest.raises(CommandError) as caught:
        run(*words)
    return caught.value


def test_an_operator_is_made_with_secrets_that_are_shown_once(ann):
    told = json.loads(
        run("create_operator", "--email", " Cleo@Operators.EXAMPLE", "--recovery-codes", "--json")
    )
    assert set(told) == {"email", "password", "secret", "address", "recovery_codes"}
    assert told["email"] == EMAIL
    assert told["address"].startswith("otpauth://totp/Atoll%20localhost%3Acleo%40")
    assert cleo().check_password(told["password"])
    for shown in (run("list_operators", "--json"), run("list_operators")):
        assert EMAIL in shown
        assert told["secret"] not in shown
    visitor = ann.visitor()
    visitor.post("/sign-in/", {"email": EMAIL, "password": told["password"]})
    answer = visitor.post("/sign-in/code/", {"code": code_of(cleo().devices.get())})
    assert answer["location"] == "/"
    entry = AuditEntry.objects.using(CONTROL).filter(subject=f"operator:{EMAIL}").earliest("id")
    assert entry.action == "operator.create"
    assert entry.actor.startswith("shell:")


def test_a_password_that_is_given_is_not_shown(monkeypatch):
    monkeypatch.setenv(module.PASSWORD_VARIABLE, PASSWORD)
    assert PASSWORD not in run("create_operator", "--email", EMAIL)
    assert cleo().check_password(PASSWORD)


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["--email", "no address"], 2, "no e-mail address"),
        (["--email", EMAIL, "--password", "12345678"], 2, "too weak"),
        (["--email", EMAIL, "--name", "x" * 151], 2, "at most 150"),
        (["--email", EMAIL, "--name", "two\nlines"], 2, "no line"),
        ([], 2, "Give --email"),
    ],
)
def test_what_makes_no_operator_is_refused_and_changes_nothing(words, code, says):
    before = Operator.objects.using(CONTROL).count()
    for dry_run in ([], ["--dry-run"]):
        error = refused("create_operator", *words, *dry_run)
        assert error.returncode == code
        assert says in str(error)
    assert Operator.objects.using(CONTROL).count() == before


def test_a_second_operator_of_one_address_is_refused_and_says_what_to_do():
    run("create_operator", "--email", EMAIL)
    before = cleo().password
    error = refused("create_operator", "--email", EMAIL.upper())
    assert error.returncode == 1
    assert "reset_operator_factor" in str(error)
    assert cleo().password == before


def test_a_dry_run_makes_nobody():
    assert "would be made" in run("create_operator", "--email", EMAIL, "--dry-run")
    assert cleo() is None


def test_a_reset_makes_device_codes_and_sessions_void(ann):
    visitor, old = ann.signed_in(), ann.device
    assert "would get" in run("reset_operator_factor", ann.email, "--dry-run")
    assert ann.device == old
    told = json.loads(run("reset_operator_factor", ann.email.upper(), "--password", "--json"))
    assert visitor.get("/").status_code == 302
    assert ann.device.key != old.key
    assert not ann.row.recovery_codes.exists()
    assert ann.row.check_password(told["password"])
    assert not ann.row.check_password(ann.password)


def test_a_closed_account_gets_in_no_more_until_it_is_open_again(ann):
    visitor = ann.signed_in()
    assert run("disable_operator", ann.email, "--dry-run").strip().endswith("would be closed")
    assert visitor.get("/").status_code == 200
    assert run("disable_operator", ann.email).strip().endswith("is closed")
    assert visitor.get("/").status_code == 302
    assert ann.give_password(ann.visitor()).status_code == 200
    assert run("disable_operator", ann.email).strip().endswith("is closed already")
    run("disable_operator", ann.email, "--undo")
    assert ann.signed_in().get("/").status_code == 200


@pytest.mark.parametrize("command", ["reset_operator_factor", "disable_operator"])
def test_an_unknown_operator_is_refused(command, stack_ready):
    error = refused(command, "nobody@operators.example")
    assert error.returncode == 2
    assert "list_operators" in str(error)


def test_without_operators_the_list_says_how_to_make_one(stack_ready):
    assert not Operator.objects.using(CONTROL).exists()
    assert "create_operator" in run("list_operators")
    assert json.loads(run("list_operators", "--json")) == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["create_operator"], 2),
        pytest.param(["reset_operator_factor"], 2, marks=pytest.mark.slow),
    ],
)
def test_missing_arguments_end_with_a_message_and_a_status_of_their_own(words, code, stack):
    ended = subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == code
    assert "Traceback" not in ended.stderr
    assert ended.stdout == ""
