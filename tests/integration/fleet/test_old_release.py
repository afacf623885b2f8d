"""Between a fleet migration and the restart, the release before it works on the new schemas."""

import pytest
from django.db import IntegrityError, transaction

from migrations_tools.fleet.states import RunState
from migrations_tools.services.fleet import migrate_fleet
from sharding import scope
from tenants.outbox import topics
from tenants.outbox.models import Message
from tenants.outbox.services.drain import drain
from tenants.outbox.services.publish import publish
from tests.integration.fleet.conftest import ask, has_urgency, of

TOPIC = "of the old release"


@pytest.fixture
def delivered():
    """What the old release's handler was given; this process knows no urgency."""
    seen = []
    topics.register_topic(TOPIC, lambda message: seen.append(message.payload))
    yield seen
    topics.forget_topic(TOPIC)


def tell(place, payload):
    with scope.enter(place), transaction.atomic():
        publish(TOPIC, payload)


def test_old_code_writes_reads_and_delivers_on_schemas_of_the_next_release(
    ready, release, delivered
):
    places = [ready(), ready("beta")]
    for place in places:
        tell(place, f"{place.tenant_id} before")
    release("two")
    assert migrate_fleet(of(*places), tell=lambda line: None).state is RunState.DONE
    assert not any(field.name == "urgency" for field in Message._meta.fields)
    for place in places:
        assert has_urgency(place), "the schema is of the next release"
        tell(place, f"{place.tenant_id} after")
        found = ask(place, f"SELECT urgency FROM {place.schema}.outbox_message")
        assert found == [(3,), (3,)], "the database fills in what the old release does not know"
        with scope.enter(place):
            Message.objects.update(tries=0)
            assert [one.payload for one in Message.objects.order_by("id")] == [
                f"{place.tenant_id} before",
                f"{place.tenant_id} after",
            ]
            assert drain().delivered == 2
            assert not Message.objects.exists()
    assert sorted(delivered) == sorted(
        f"{place.tenant_id} {when}" for place in places for when in ("before", "after")
    )


def test_a_release_that_old_code_cannot_write_to_is_what_the_check_names(ready, release, delivered):
    """The control: without a default in the database the old release's INSERT is refused."""
    place = ready()
    release("abrupt")
    assert migrate_fleet(of(place), tell=lambda line: None).state is RunState.DONE
    with pytest.raises(IntegrityError, match="urgency"):
        tell(place, "lost")
