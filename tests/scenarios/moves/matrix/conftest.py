"""One ground for all cells, and tenants that move there."""

from collections.abc import Iterator

import pytest

from sharding.moves.models import Move
from tests.integration.moves.conftest import LEDGER, Mover, add_table, make
from tests.scenarios.moves.matrix.ground import Ground, ground_of_its_own


@pytest.fixture(scope="package")
def ground(django_db_blocker) -> Iterator[Ground]:
    with django_db_blocker.unblock(), ground_of_its_own() as made:
        yield made


@pytest.fixture
def tenant(ground) -> Iterator[Mover]:
    """One with a ledger, on alpha."""
    number = Move.objects.using("control").count()
    made = Mover(make(f"cell-{number}-{ground.next_number()}", "alpha").slug)
    add_table(made, LEDGER)
    yield made
    ground.kill_movers()
