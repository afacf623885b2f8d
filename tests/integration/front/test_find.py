"""Find my workspace: the right people get a mail, and nobody learns anything."""

import io
import uuid

import pytest
from django.core import mail
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connections, transaction
from django.test.utils import CaptureQueriesContext

from accounts.models import User
from front.keys import address_digest
from front.models import CONTROL, KnownAddress
from front.services.finding import find_workspaces
from front.services.known import TOPIC, learn_address, publish_all_addresses
from sharding import scope
from tenants.outbox.models import Message
from tenants.outbox.services.drain import drain
from tenants.outbox.services.publish import publish
from tenants.services.suspend import resume_tenant, suspend_tenant
from tests.fixtures.servers import redis_is_back
from tests.integration.front.conftest import make, send
from tests.integration.tenants.inventory import taken_back

EMAIL = "ann@example.org"


def known(workspace):
    rows = KnownAddress.objects.using(CONTROL).filter(tenant_id=workspace.id)
    return dict(rows.exclude(digest="").values_list("user", "digest"))


def tell(workspace, user, email):
    """What accounts do when a member comes, changes or goes; delivered."""
    with workspace.scope():
        with transaction.atomic():
            message = publish(TOPIC, {"user": str(user), "email": email})
        drain()
    return message


def names(email):
    return [found.name for found in find_workspaces(email)]


@pytest.fixture(autouse=True)
def _no_members(east, west):
    yield
    for workspace in (east, west):
        with workspace.scope():
            User.objects.all().delete()
            Message.objects.all().delete()


def test_control_learns_through_the_outbox_whose_address_is_known_where(east, west, broker):
    ann, ben = uuid.uuid4(), uuid.uuid4()
    tell(east, ann, EMAIL)
    tell(west, ann, EMAIL)
    tell(west, ben, "ben@example.org")
    assert names(EMAIL) == ["The east", "The west"]
    assert names("ben@example.org") == ["The west"]
    assert names("nobody@example.org") == []
    tell(east, ann, None)
    assert names(EMAIL) == ["The west"]
    tell(west, ann, "ann@elsewhere.example")
    assert names(EMAIL) == []
    assert names("ann@elsewhere.example") == ["The west"]


def test_control_keeps_no_address(east, broker):
    tell(east, uuid.uuid4(), EMAIL)
    kept = str(list(KnownAddress.objects.using(CONTROL).values()))
    assert "ann" not in kept
    assert "example.org" not in kept


def test_a_digest_says_nothing_without_the_key(east, broker, settings):
    tell(east, uuid.uuid4(), EMAIL)
    settings.SECRET_KEY = "another"
    assert names(EMAIL) == []


def test_two_members_with_one_address_are_one_workspace(east, broker):
    for _ in range(2):
        tell(east, uuid.uuid4(), EMAIL)
    assert names(EMAIL) == ["The east"]


def test_a_message_delivered_twice_is_learnt_once(east, broker):
    ann = uuid.uuid4()
    message = tell(east, ann, EMAIL)
    before = list(KnownAddress.objects.using(CONTROL).values())
    with east.scope():
        learn_address(message)
    assert list(KnownAddress.objects.using(CONTROL).values()) == before


def test_an_old_message_that_comes_late_brings_nobody_back(east, broker):
    ann = uuid.uuid4()
    old = tell(east, ann, EMAIL)
    tell(east, ann, None)
    with east.scope():
        learn_address(old)
    assert known(east) == {}
    newest = tell(east, ann, "new@example.org")
    with east.scope():
        learn_address(old)
    assert known(east) == {ann: address_digest("new@example.org")}
    assert newest.pk > old.pk


def test_equal_numbers_of_two_tenants_do_not_meet(east, west, broker):
    ann = uuid.uuid4()
    for workspace, email in ((east, EMAIL), (west, "ann@west.example")):
        with workspace.scope():
            learn_address(Message(pk=7, topic=TOPIC, payload={"user": str(ann), "email": email}))
    assert known(east) == {ann: address_digest(EMAIL)}
    assert known(west) == {ann: address_digest("ann@west.example")}


def test_without_a_tenant_nothing_is_learnt(stack_ready):
    message = Message(pk=1, topic=TOPIC, payload={"user": str(uuid.uuid4()), "email": EMAIL})
    with pytest.raises(scope.NoTenantInScope):
        learn_address(message)
    assert not KnownAddress.objects.using(CONTROL).exists()


def test_control_away_keeps_the_message(east, broker, stack):
    with east.scope(), transaction.atomic():
        publish(TOPIC, {"user": str(uuid.uuid4()), "email": EMAIL})
    stack.stop_server("control")
    try:
        with east.scope():
            assert drain().failed == 1
            assert Message.objects.count() == 1
    finally:
        stack.start_server("control")
        connections.close_all()
    with east.scope():
        Message.objects.update(next_try_at="2000-01-01T00:00Z")
        assert drain().delivered == 1
    assert names(EMAIL) == ["The east"]


def test_a_tenant_that_goes_takes_its_rows_along(broker, stack_ready):
    gone = make("gone-soon", "alpha")
    tell(gone, uuid.uuid4(), EMAIL)
    taken_back(gone.slug)
    assert not KnownAddress.objects.using(CONTROL).exists()


def test_a_suspended_workspace_is_not_listed(east, west, broker):
    for workspace in (east, west):
        tell(workspace, uuid.uuid4(), EMAIL)
    suspend_tenant("east")
    assert names(EMAIL) == ["The west"]
    resume_tenant("east")
    assert names(EMAIL) == ["The east", "The west"]


def test_the_page_says_the_same_to_everybody_and_mails_those_who_belong(
    east, west, visitor, broker, work
):
    for workspace in (east, west):
        tell(workspace, uuid.uuid4(), EMAIL)
    seen = set()
    for email in (EMAIL, "nobody@example.org", " ANN@Example.ORG "):
        answer = send(visitor, "/find/", email=email)
        page = visitor.get(answer["location"])
        seen.add((answer.status_code, answer["location"], page.content))
    assert len(seen) == 1
    # One task each, whoever it is.
    assert len(broker.messages("control")) == 3
    assert mail.outbox == []
    work()
    assert [message.to for message in mail.outbox] == [[EMAIL], [EMAIL]]
    for word in ("The east", "http://east.localhost/", "The west", "http://west.localhost/"):
        assert word in mail.outbox[0].body


def test_the_page_does_the_same_for_everybody(east, visitor, broker):
    tell(east, uuid.uuid4(), EMAIL)
    asked = []
    for email in (EMAIL, "nobody@example.org"):
        with CaptureQueriesContext(connections[CONTROL]) as queries:
            send(visitor, "/find/", email=email)
        asked.append([query["sql"].partition("VALUES")[0] for query in queries])
    assert asked[0] == asked[1]
    assert len(asked[0]) == 1
    assert not any("knownaddress" in sql for sql in asked[0])


def test_one_address_is_not_flooded(east, visitor, broker, work, settings):
    settings.ATOLL_FRONT_MAILS_PER_HOUR = 2
    tell(east, uuid.uuid4(), EMAIL)
    answers = {send(visitor, "/find/", email=EMAIL)["location"] for _ in range(4)}
    assert answers == {"/find/sent/"}
    work()
    assert len(mail.outbox) == 2


def test_who_asks_too_often_is_told_to_wait(visitor, broker, settings):
    settings.ATOLL_SEARCHES_PER_HOUR = 2
    seen = [send(visitor, "/find/", email=f"a{n}@example.org").status_code for n in range(4)]
    assert seen[0] == 302
    assert seen[-1] == 429
    assert len(broker.messages("control")) <= 3


def test_while_the_broker_is_away_everybody_gets_the_same_answer(east, visitor, broker, stack):
    tell(east, uuid.uuid4(), EMAIL)
    stack.stop_server("redis")
    try:
        answers = {send(visitor, "/find/", email=e).status_code for e in (EMAIL, "x@example.org")}
    finally:
        stack.start_server("redis")
        redis_is_back()
    assert answers == {503}


def test_rebuilding_says_all_anew_and_forgets_who_is_not_there(east, west, broker):
    with east.scope(), transaction.atomic():
        ann = User.objects.create_user(EMAIL)
        gone = User.objects.create_user("gone@example.org", is_active=False)
    ghost = uuid.uuid4()
    tell(east, ghost, "ghost@example.org")
    tell(west, ghost, "ghost@example.org")
    KnownAddress.objects.using(CONTROL).filter(user=ann.pk).delete()
    with east.scope():
        assert publish_all_addresses() == 1
        drain()
    assert known(east) == {ann.pk: address_digest(EMAIL)}
    assert gone.pk not in known(east)
    assert set(known(west)) == {ghost}


def test_a_change_after_the_rebuilding_wins(east, broker):
    with east.scope():
        with transaction.atomic():
            ann = User.objects.create_user(EMAIL)
        drain()
        publish_all_addresses()
        with transaction.atomic():
            publish(TOPIC, {"user": str(ann.pk), "email": "later@example.org"})
        drain()
    assert known(east) == {ann.pk: address_digest("later@example.org")}


def test_the_command_rebuilds_one_tenant_or_all(east, west, broker):
    for workspace in (east, west):
        with workspace.scope(), transaction.atomic():
            User.objects.create_user(EMAIL)
        with workspace.scope():
            drain()
    KnownAddress.objects.using(CONTROL).all().delete()
    out = io.StringIO()
    call_command("rebuild_known_addresses", tenant="east", dry_run=True, stdout=out)
    assert "1 tenants would" in out.getvalue()
    for options, found in (({"tenant": "east"}, ["The east"]), ({}, ["The east", "The west"])):
        call_command("rebuild_known_addresses", stdout=out, stderr=out, **options)
        for workspace in (east, west):
            with workspace.scope():
                drain()
        assert names(EMAIL) == found


def test_the_command_goes_on_while_a_shard_is_away(east, west, broker, stack):
    with west.scope(), transaction.atomic():
        User.objects.create_user(EMAIL)
    stack.stop_server("alpha")
    connections.close_all()
    try:
        with pytest.raises(CommandError, match=r"Run it again for: .*east"):
            call_command("rebuild_known_addresses", stdout=io.StringIO(), stderr=io.StringIO())
    finally:
        stack.start_server("alpha")
        connections.close_all()
    with west.scope():
        drain()
    assert names(EMAIL) == ["The west"]
