"""Tasks that are under way for each tenant in this process; requests have slots."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager


class TasksInside:
    """Counts them, so that whoever closes a gate knows."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._of: Counter[str] = Counter()

    @contextmanager
    def working_for(self, tenant_id: str) -> Iterator[None]:
        """Count a task while the block lasts."""
        with self._lock:
            self._of[tenant_id] += 1
        try:
            yield
        finally:
            with self._lock:
                self._of[tenant_id] -= 1
                if not self._of[tenant_id]:
                    del self._of[tenant_id]

    def count(self, tenant_id: str) -> int:
        """How many there are now."""
        with self._lock:
            return self._of[tenant_id]
