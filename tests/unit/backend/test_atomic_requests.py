"""One value of ATOMIC_REQUESTS for all databases."""

from sharding import scope
from sharding.backend.atomic_requests import WhileInScope, view_is_async
from tests.unit.backend.conftest import place


def test_it_is_true_while_there_is_a_scope():
    value = WhileInScope()
    assert not value
    for wanted in (place(), scope.CONTROL):
        with scope.enter(wanted):
            assert value
    assert not value


def test_an_async_view_is_not_wrapped():
    with scope.enter(place()):
        token = view_is_async.set(True)
        assert not WhileInScope()
        view_is_async.reset(token)
        assert WhileInScope()
