"""What became of requests that met a move is counted, and published."""

import pytest

from config.observability import metrics, publishing
from tenants.gating import tally as module
from tenants.gating.tally import Outcome, tally


@pytest.fixture(autouse=True)
def _begins_at_nothing():
    module.forget_tally()
    publishing._met.clear()
    yield
    module.forget_tally()
    publishing._met.clear()


def published(outcome):
    return metrics.MOVES_MET.labels(str(outcome))._value.get()


def test_each_outcome_is_published_once_however_often_one_looks():
    before = published(Outcome.WAITED)
    tally().add(Outcome.WAITED)
    tally().add(Outcome.WAITED)
    publishing._publish_gates()
    publishing._publish_gates()
    assert published(Outcome.WAITED) == before + 2
    tally().add(Outcome.WAITED)
    publishing._publish_gates()
    assert published(Outcome.WAITED) == before + 3


def test_who_waits_is_counted_while_it_lasts_whatever_becomes_of_it():
    try:
        with tally().one_waits(), tally().one_waits():
            publishing._publish_gates()
            assert metrics.GATE_WAITING._value.get() == 2
            tally().add(Outcome.TOO_LONG)
            raise ZeroDivisionError
    except ZeroDivisionError:
        pass
    publishing._publish_gates()
    assert metrics.GATE_WAITING._value.get() == 0
