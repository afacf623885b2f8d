"""Release 3 has all of release 2, and a step in Python."""

from tests.benchmarks.fleet import release_2

__path__ = [*__path__, *release_2.__path__]
