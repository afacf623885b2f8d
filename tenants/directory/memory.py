"""What one process remembers: bounded, and only for a while fresh."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic

from tenants.directory.types import Entry, Key


@dataclass(frozen=True, slots=True)
class Remembered:
    """An answer and how long it is fresh.

    Attributes:
        entry: None when there is no such tenant.
        fresh_until: the monotonic instant until which it may be used without asking anybody.
        heard_until: the same while this process hears of changes: it would have been told.
    """

    entry: Entry | None
    fresh_until: float
    heard_until: float

    def is_fresh(self, hears: Callable[[], bool]) -> bool:
        """Whether it may be used without asking anybody."""
        now = monotonic()
        return now < self.fresh_until or (now < self.heard_until and hears())


class Memory:
    """A bounded mapping, the one that nobody refreshed for longest leaves first.

    What is in use is refreshed now and then, so reading need not keep an order, nor a lock.
    Answers that nobody refreshed stay while there is room: they serve while control is away.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._answers: OrderedDict[Key, Remembered] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Remembered | None:
        """The answer, fresh or not."""
        return self._answers.get(key)

    def put(self, key: Key, entry: Entry | None, *, fresh_for: float, heard_for: float = 0) -> None:
        """Remember an answer, and forget the longest unrefreshed one when there are too many."""
        now = monotonic()
        with self._lock:
            self._answers[key] = Remembered(entry, now + fresh_for, now + heard_for)
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
