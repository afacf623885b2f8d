"""Release 2 has all of release 1, and a column with an index."""

from tests.benchmarks.fleet import release_1

__path__ = [*__path__, *release_1.__path__]
