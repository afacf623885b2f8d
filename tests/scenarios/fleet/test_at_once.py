"""Of two fleet migrations one runs, and the other one says which."""

import pytest

from migrations_tools.fleet.errors import FleetBusy
from migrations_tools.fleet.states import RunState
from migrations_tools.services.fleet import migrate_fleet
from tests.integration.fleet.conftest import has_urgency, of


def test_the_second_one_says_who_runs_and_changes_nothing(ready, release, start, go):
    mine, other = ready("alpha"), ready("beta")
    release("two")
    first = start("Journal.take:return:1", [mine], release="two")
    with pytest.raises(FleetBusy, match=f"process {first.pid} on .* last sign of life"):
        migrate_fleet(of(other), tell=lambda line: None)
    assert not has_urgency(other)
    go()
    _, err = first.communicate(timeout=60)
    assert first.returncode == 0, err
    assert has_urgency(mine)
    assert migrate_fleet(of(other), tell=lambda line: None).state is RunState.DONE
    assert has_urgency(other)


def test_interrupted_it_ends_with_the_schema_that_it_is_at_and_says_how_to_go_on(
    ready, release, start, go
):
    places = [ready("alpha") for _ in range(4)]
    release("two")
    first = start("Journal.take:return:1", places, release="two")
    first.terminate()
    go()
    out, err = first.communicate(timeout=60)
    assert first.returncode == 3, (out, err)
    assert "interrupted" in err
    assert migrate_fleet(of(*places), tell=lambda line: None).state is RunState.DONE
    assert all(has_urgency(place) for place in places)
