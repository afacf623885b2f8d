"""What the kit does around one test, and around all of them."""

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import pytest
from pytest_django.plugin import blocking_manager_key

from sharding import scope
from tenants.testing import leaks
from tenants.testing.asking import asked_by
from tenants.testing.cases import extend
from tenants.testing.fleet import Fleet
from tenants.testing.sources import Source


class Kit:
    """The kit in one process: its databases, and the scope of the test that runs.

    Attributes:
        fleet: the test databases of this process.
    """

    def __init__(self, config: pytest.Config, source: Source) -> None:
        self._config = config
        self._source = source
        self._found: list[str] = []
        self._inside: scope.enter | None = None
        self._last: scope.Placement | None = None
        worker = getattr(config, "workerinput", {})
        self.fleet = Fleet(
            find_servers=source.find,
            worker=worker.get("workerid", ""),
            run=worker.get("testrunuid", uuid4().hex),
            keep=bool(config.getoption("reuse_db", default=False)),
            anew=bool(config.getoption("create_db", default=False)),
            tell=self._tell,
        )
        _let_control_be_alone()
        leaks.watch()
        self._take_back: Callable[[], None] = extend(self)

    # --- what tenants.testing.cases asks -----------------------------------------------------

    @property
    def shards(self) -> Collection[str]:
        return self.fleet.shards

    def before_commits(self) -> None:
        self.fleet.before_commits()

    def restore(self) -> None:
        self.fleet.restore()

    def tell_leaks(self, found: list[str]) -> None:
        self._found += found

    # --- around a test ----------------------------------------------------------------------------

    def begin(self, item: pytest.Item) -> None:
        """Make what the test needs and enter its scope, before its first fixture."""
        asked = asked_by(item)
        if asked.databases:
            with self._databases_allowed():
                self.fleet.ensure()
            self.fleet.begin_test()
        self._last = self.fleet.first.place if asked.tenant else None
        if self._last is not None:
            self._inside = scope.enter(self._last)
            self._inside.__enter__()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Fail a test that leaves anything behind, unless it has failed anyway."""
        self._found.clear()
        before = leaks.look()
        try:
            yield
        finally:
            self._found += leaks.find_and_mend(before)
        if self._found:
            listed = "\n".join(f"- {each}" for each in dict.fromkeys(self._found))
            pytest.fail(f"This test did not tidy up behind itself:\n{listed}", pytrace=False)

    def end(self) -> None:
        """Leave the test's scope, however the test ended."""
        inside, self._inside = self._inside, None
        if inside is not None:
            inside.__exit__(None, None, None)
            self.fleet.end_test()

    @contextmanager
    def outside(self) -> Iterator[None]:
        """No scope: for fixtures that outlive the test which happens to need them first."""
        if scope.current() is None:
            yield
            return
        with scope.enter(None, independent=True):
            yield

    # --- around all tests -------------------------------------------------------------------------

    @contextmanager
    def last_scope(self) -> Iterator[None]:
        """The last test's scope once more, for a class that is torn down as a run is cut short."""
        if self._last is None:
            yield
            return
        with scope.enter(self._last):
            yield

    def lead(self) -> None:
        """Other processes will use the servers, and this one ends last."""
        if self._source.throw_away is not None:
            self._source.throw_away.guard()

    def finish(self) -> None:
        """Take the databases of this process away, or keep them for the next run."""
        with self._databases_allowed():
            self.fleet.end()
        self._take_back()

    def finish_servers(self) -> None:
        """Tidy up what all processes of the run shared."""
        if self._source.throw_away is not None:
            self._source.throw_away.end()
        else:
            self.fleet.drop_templates()

    @contextmanager
    def _databases_allowed(self) -> Iterator[None]:
        with self._config.stash[blocking_manager_key].unblock():
            yield

    def _tell(self, line: str) -> None:
        reporter: Any = self._config.pluginmanager.get_plugin("terminalreporter")
        if reporter is not None:
            reporter.write_line(line)


def _let_control_be_alone() -> None:
    """Django has every database wait for `default`, also where tests ask for control only."""
    from django.db import connections

    connections.settings["control"]["TEST"]["DEPENDENCIES"] = []
