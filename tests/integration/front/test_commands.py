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
from front.services.availability import availability_of
from front.services.making import make_workspace
from front.states import SignUpState
from sharding.placements.models import AuditEntry
from tests.fixtures.servers import redis_is_back
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


@pytest.mark.parametrize("typed", ["-1", "few", "1.5", "²", "9" * 30])
def test_a_number_of_sign_ups_that_there_cannot_be_is_wrong_input(failed, typed):
    with pytest.raises(CommandError, match="no number of sign-ups"):
        told("list_sign_ups", f"--limit={typed}")


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


def test_a_failed_one_is_cancelled_and_its_slug_is_free(failed, settings):
    assert "would be cancelled" in told("cancel_sign_up", str(failed.pk), dry_run=True)
    assert again(failed).state == SignUpState.FAILED
    said = told("cancel_sign_up", str(failed.pk))
    assert "is cancelled" in said
    assert "--undo" not in said
    assert again(failed).state == SignUpState.EXPIRED
    assert availability_of(failed.slug).is_free
    assert "is cancelled" in told("cancel_sign_up", str(failed.pk))
    (entry,) = AuditEntry.objects.using(CONTROL).filter(
        subject=str(failed.pk), action="sign_up.expired"
    )
    assert entry.actor.startswith("shell:")


def test_half_a_tenant_of_a_cancelled_one_is_told_and_can_be_taken_back(ask, wish, settings):
    row = confirming.confirm_sign_up(confirmation_token(ask(wish()).pk))
    settings.TENANT_PROVISION_STEPS = ["tests.integration.front.no_such_step"]
    assert make_workspace(row.pk) is SignUpState.FAILED
    assert f"create_tenant {row.slug} --undo" in told("cancel_sign_up", str(row.pk))
    assert not availability_of(row.slug).is_free
    told("create_tenant", row.slug, undo=True)
    assert availability_of(row.slug).is_free
    assert make_workspace(row.pk) is None


@pytest.mark.parametrize("state", [SignUpState.CONFIRMED, SignUpState.MAKING, SignUpState.READY])
def test_what_a_task_may_be_at_is_not_cancelled(failed, state):
    SignUp.objects.using(CONTROL).filter(pk=failed.pk).update(state=state)
    with pytest.raises(CommandError, match="cannot become expired"):
        told("cancel_sign_up", str(failed.pk))
    assert again(failed).state == state


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
        redis_is_back()
