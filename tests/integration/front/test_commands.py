"""What operators do about sign-ups at night."""

import io
import json
import uuid

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.utils import timezone

from front.keys import confirmation_token
from front.models import CONTROL, SignUp
from front.services import confirming
from front.states import SignUpState
from tests.integration.front.conftest import again


def told(name, *args, **options):
    out = io.StringIO()
    call_command(name, *args, stdout=out, stderr=out, **options)
    return out.getvalue()


@pytest.fixture
def failed(ask, wish):
    row = confirming.confirm_sign_up(confirmation_token(ask(wish()).pk))
    SignUp.objects.using(CONTROL).filter(pk=row.pk).update(
        state=SignUpState.FAILED, tries=10, last_error="The disk is full."
    )
    return again(row)


def test_sign_ups_are_listed_with_what_to_do(failed, ask, wish):
    waiting = ask(wish())
    said = told("list_sign_ups")
    for word in (waiting.slug, failed.slug, failed.email, "The disk is full.", "try 10"):
        assert word in said
    assert f"`manage.py retry_sign_up {failed.pk}`" in said
    assert waiting.slug not in told("list_sign_ups", state="failed")
    assert told("list_sign_ups", state="ready") == "None.\n"


def test_the_list_as_json_has_all_and_no_secret(failed):
    (line,) = json.loads(told("list_sign_ups", json=True))
    assert (line["id"], line["state"], line["slug"]) == (str(failed.pk), "failed", failed.slug)
    assert confirmation_token(failed.pk) not in json.dumps(line)
    assert failed.token_hash not in json.dumps(line)
    assert len(json.loads(told("list_sign_ups", json=True, limit=0))) == 0


def test_a_failed_one_is_tried_again_when_told(failed, broker):
    before = SignUp.objects.using(CONTROL).values().get(pk=failed.pk)
    assert "would be tried again" in told("retry_sign_up", str(failed.pk), dry_run=True)
    assert SignUp.objects.using(CONTROL).values().get(pk=failed.pk) == before
    assert not broker.messages("control")
    assert "is tried again" in told("retry_sign_up", str(failed.pk))
    assert broker.only_message("control")["arguments"] == [str(failed.pk)]
    assert again(failed).try_after <= timezone.now()


def test_what_has_not_failed_is_left_alone(ask, wish, broker):
    row = ask(wish())
    assert "nothing to do" in told("retry_sign_up", str(row.pk))
    assert again(row).state == SignUpState.WAITING
    assert not broker.messages("control")


def test_an_id_that_nobody_has_is_wrong_input(stack_ready):
    with pytest.raises(CommandError, match="No sign-up has the id") as refused:
        told("retry_sign_up", str(uuid.uuid4()))
    assert refused.value.returncode == 2


def test_a_broker_that_is_away_is_told(failed, broker, stack):
    stack.stop_server("redis")
    try:
        with pytest.raises(CommandError, match="queue of tasks cannot be reached"):
            told("retry_sign_up", str(failed.pk))
    finally:
        stack.start_server("redis")
