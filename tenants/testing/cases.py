"""What Django's test cases do with their databases, where one of them is a tenant's.

Django opens its transactions on the databases of the settings, and empties those. A tenant's test
can reach other shards as well, and may not empty tables. So these few methods of Django's classes
are extended; tests and their bases stay as they are.
"""

from collections.abc import Callable, Collection
from functools import wraps
from typing import Any, Protocol

from django.db import connections, transaction
from django.test import TestCase, TransactionTestCase, testcases

from sharding import scope
from sharding.backend.session_bound import session_bound
from tenants.testing import leaks
from tenants.testing.fixture_files import load_fixtures

_FURTHER = "atoll: further shards"


class Keeper(Protocol):
    """Who keeps the test databases."""

    @property
    def shards(self) -> Collection[str]:
        """The shards that hold tenants of tests."""

    def before_commits(self) -> None:
        """A test that commits is about to begin."""

    def restore(self) -> None:
        """Undo what it committed."""

    def tell_leaks(self, found: list[str]) -> None:
        """What a test left behind, found before Django's tear-down could stumble over it."""


def extend(keeper: Keeper) -> Callable[[], None]:
    """Extend Django's classes, and return what takes it back."""
    beginning = _Beginning(keeper)
    undo = [
        _replace(TestCase, "_enter_atomics", classmethod(_enter_atomics(keeper))),
        _replace(TestCase, "_rollback_atomics", classmethod(_rollback_atomics())),
        _replace(TransactionTestCase, "_reset_sequences", staticmethod(_reset_sequences())),
        _replace(TransactionTestCase, "_fixture_setup", classmethod(_fixture_setup(keeper))),
        _replace(TransactionTestCase, "_fixture_teardown", _fixture_teardown(keeper)),
        _replace(TransactionTestCase, "_pre_setup", beginning.pre_setup()),
        _replace(TransactionTestCase, "_post_teardown", beginning.post_teardown()),
        _replace(testcases, "call_command", _call_command()),
    ]

    def take_back() -> None:
        for each in reversed(undo):
            each()

    return take_back


def _replace(owner: Any, name: str, new: Any) -> Callable[[], None]:
    before = vars(owner)[name]
    setattr(owner, name, new)
    return lambda: setattr(owner, name, before)


def _enter_atomics(keeper: Keeper) -> Callable[..., Any]:
    """Django's, and a transaction on every other shard that a test can reach."""
    stock = vars(TestCase)["_enter_atomics"].__func__

    @wraps(stock)
    def enter(cls: Any) -> dict[str, Any]:
        try:
            atomics: dict[str, Any] = stock(cls)
        except scope.NoTenantInScope as error:
            error.add_note(
                "A test uses a tenant's database with the fixture `tenant` or, as a class too, "
                "with `@pytest.mark.tenant`; control's with the fixture `control`."
            )
            raise
        place = scope.tenant_or_none()
        further = [] if place is None else [name for name in keeper.shards if name != place.shard]
        for name in further:
            block = _block_on(name)
            block.__enter__()
            atomics.setdefault(_FURTHER, []).append((name, block))
        return atomics

    return enter


def _block_on(alias: str) -> Any:
    block: Any = transaction.atomic(using=alias)
    block._from_testcase = True
    return block


def _rollback_atomics() -> Callable[..., Any]:
    stock = vars(TestCase)["_rollback_atomics"].__func__

    @wraps(stock)
    def roll_back(cls: Any, atomics: dict[str, Any]) -> None:
        further = atomics.pop(_FURTHER, [])
        try:
            stock(cls, atomics)
        finally:
            for alias, block in reversed(further):
                if connections[alias].in_atomic_block:
                    transaction.set_rollback(True, using=alias)
                    block.__exit__(None, None, None)

    return roll_back


def _reset_sequences() -> Callable[..., Any]:
    """Django's, as the owner: a tenant may draw from its sequences, and not set them."""
    stock = vars(TransactionTestCase)["_reset_sequences"].__func__

    @wraps(stock)
    def reset(db_name: str) -> None:
        place = scope.tenant_or_none()
        if place is None or db_name != "default":
            stock(db_name)
            return
        with session_bound(place):
            stock(place.shard)

    return reset


def _fixture_setup(keeper: Keeper) -> Callable[..., Any]:
    stock = vars(TransactionTestCase)["_fixture_setup"].__func__

    @wraps(stock)
    def set_up(cls: Any) -> None:
        keeper.before_commits()
        stock(cls)

    return set_up


def _fixture_teardown(keeper: Keeper) -> Callable[..., Any]:
    """In place of Django's flush: that knows one database, and loses the tenant's first rows."""

    def tear_down(self: Any) -> None:
        keeper.restore()

    return tear_down


class _Beginning:
    """How things stood when Django had set a test up, and whether it is so at the tear-down.

    Looked at before Django tears down, which would else roll back another shard's transaction.
    """

    def __init__(self, keeper: Keeper) -> None:
        self._keeper = keeper
        self._before: leaks.Before | None = None

    def pre_setup(self) -> Any:
        stock = vars(TransactionTestCase)["_pre_setup"].__func__

        @wraps(stock)
        def pre_setup(cls: Any) -> None:
            stock(cls)
            self._before = leaks.look()

        return classmethod(pre_setup)

    def post_teardown(self) -> Any:
        stock = vars(TransactionTestCase)["_post_teardown"]

        @wraps(stock)
        def post_teardown(case: Any) -> None:
            if self._before is not None:
                self._keeper.tell_leaks(leaks.find_and_mend(self._before))
                self._before = None
            stock(case)

        return post_teardown


def _call_command() -> Callable[..., Any]:
    """Django's; `loaddata` into a tenant happens inside the test's own transaction."""
    stock = vars(testcases)["call_command"]

    @wraps(stock)
    def call(name: Any, *args: Any, **options: Any) -> Any:
        place = scope.tenant_or_none()
        if name == "loaddata" and place is not None and options.get("database") == "default":
            return load_fixtures(place, args)
        return stock(name, *args, **options)

    return call
