"""Tell how far a run is: how many of how many, how fast, how long still."""

import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Final

from migrations_tools.fleet.states import StepState

BETWEEN_LINES_S: Final = 1.0
_MINUTE: Final = 60


class Progress:
    """Counts steps as they end, and tells of them about once a second. Usable from threads."""

    def __init__(
        self,
        total: int,
        tell: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total = total
        self._tell = tell
        self._clock = clock
        self._lock = threading.Lock()
        self._began = self._told = clock()
        self._states: dict[str, StepState] = {}
        self._wave = ""

    def begin_wave(self, name: str, members: int) -> None:
        """Say that a wave begins."""
        self._wave = name
        self._tell(f"wave {name}: {members} schemas")

    def add(self, tenant_id: str, state: StepState) -> None:
        """Count one schema that is through; one that is taken again counts once."""
        with self._lock:
            self._states[tenant_id] = state
            now = self._clock()
            if now - self._told < BETWEEN_LINES_S:
                return
            self._told = now
            line = self._line(now)
        self._tell(line)

    def _line(self, now: float) -> str:
        counts = Counter(self._states.values())
        through = counts.total()
        rate = through / max(now - self._began, 1e-9)
        words = [f"wave {self._wave}: {through} of {self._total}", f"{rate:.0f}/s"]
        if failed := counts[StepState.FAILED]:
            words.append(f"{failed} failed")
        if put_off := counts[StepState.PUT_OFF]:
            words.append(f"{put_off} put off")
        words.append(f"about {duration((self._total - through) / rate)} left")
        return ", ".join(words)


def duration(seconds: float) -> str:
    """A span of time for people: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    minutes, rest = divmod(whole, _MINUTE)
    if minutes < _MINUTE:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours} h {minutes} min" if minutes else f"{hours} h"
