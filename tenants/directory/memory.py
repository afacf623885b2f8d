"""What one process remembers: bounded, and only for a while fresh."""

import threading
from collections import OrderedDict
from dataclasses import dataclass
from time import monotonic

from tenants.directory.types import Entry, Key


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer and how long it is fresh. `entry` is None when there is no such tenant."""

    entry: Entry | None
    fresh_until: float

    @property
    def is_fresh(self) -> bool:
        """Whether it may be used without asking anybody."""
        return monotonic() < self.fresh_until


class Memory:
    """A bounded mapping, the one that nobody refreshed for longest leaves first.

    What is in use is refreshed every few seconds, so reading need not keep an order, nor a lock.
    Answers that nobody refreshed stay while there is room: they serve while control is away.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._answers: OrderedDict[Key, Remembered] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Remembered | None:
        """The answer, fresh or not."""
        return self._answers.get(key)

    def put(self, key: Key, entry: Entry | None, *, fresh_for: float) -> None:
        """Remember an answer, and forget the longest unrefreshed one when there are too many."""
        with self._lock:
            self._answers[key] = Remembered(entry, monotonic() + fresh_for)
            self._answers.move_to_end(key)
            if len(self._answers) > self._size:
                self._answers.popitem(last=False)

    def forget(self, key: Key) -> None:
        """Ask again at the next question."""
        with self._lock:
            self._answers.pop(key, None)

    def forget_tenant(self, tenant_id: str) -> None:
        """Ask again whatever leads to this tenant."""
        with self._lock:
            stale = [
                key
                for key, found in self._answers.items()
                if found.entry is not None and found.entry.tenant_id == tenant_id
            ]
            for key in stale:
                del self._answers[key]

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._answers.clear()

    def __len__(self) -> int:
        return len(self._answers)
