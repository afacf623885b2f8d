"""Many ask the same at once; one finds out."""

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(slots=True)
class _Flight(Generic[T]):
    landed: threading.Event = field(default_factory=threading.Event)
    results: list[T] = field(default_factory=list)
    error: BaseException | None = None


class SingleFlight(Generic[T]):
    """Runs a piece of work once for all threads that want its result at the same time."""

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}
        self._lock = threading.Lock()

    def is_flying(self, key: Hashable) -> bool:
        """Whether somebody is finding out now."""
        return key in self._flights

    def run(self, key: Hashable, work: Callable[[], T], *, patience_s: float) -> T:
        """The result of `work`, done by this thread or by one that began before.

        Raises:
            TimeoutError: the other one was not done in `patience_s`.
            BaseException: what `work` raised, in each thread that waited for it.
        """
        with self._lock:
            flight = self._flights.get(key)
            leads = flight is None
            if flight is None:
                flight = self._flights[key] = _Flight()
        if leads:
            return self._lead(key, flight, work)
        if not flight.landed.wait(patience_s):
            raise TimeoutError
        if flight.error is not None:
            raise flight.error
        return flight.results[0]

    def _lead(self, key: Hashable, flight: _Flight[T], work: Callable[[], T]) -> T:
        try:
            result = work()
            flight.results.append(result)
            return result
        except BaseException as error:
            flight.error = error
            raise
        finally:
            # First out of the table, so that nobody joins who would get an old answer.
            with self._lock:
                del self._flights[key]
            flight.landed.set()
