"""Who waits for a move on which nobody works asks for its end at once; beat would, a little later.

Source: docs/adr/0020.
"""

import logging
import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

from celery.exceptions import CeleryError
from kombu.exceptions import KombuError

log = logging.getLogger(__name__)

Ask = Callable[[], object]

REST_S: Final = 5.0
"""For so long this process does not ask again: a recovery takes its time, too."""
_AWAY: Final = (KombuError, CeleryError, OSError)

_lock = threading.Lock()
_ask: Ask | None = None
_asks_again_at = 0.0


def register_rescue(ask: Ask | None) -> Ask | None:
    """The layer that has workers says here how one is asked to end moves whose movers have died.

    Returns:
        Who was asked before.
    """
    global _ask, _asks_again_at
    with _lock:
        before, _ask, _asks_again_at = _ask, ask, 0.0
    return before


def ask_for_rescue() -> bool:
    """Have somebody end such moves; False where nobody was asked, now or by this process just now.

    Waits for no broker. Nothing is lost then: beat does it anyway.
    """
    global _asks_again_at
    with _lock:
        if _ask is None or monotonic() < _asks_again_at:
            return False
        _asks_again_at = monotonic() + REST_S
        ask = _ask
    try:
        ask()
    except _AWAY as error:
        log.warning("No worker can be asked to end a move, beat will: %s", error)
        return False
    return True
