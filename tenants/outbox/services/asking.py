"""Ask a worker to drain the outbox of the tenant in scope, without waiting for the broker."""

import logging
import time
from typing import Final

from celery.exceptions import CeleryError
from kombu.exceptions import KombuError

from tenants.outbox.tasks import drain_outbox

log = logging.getLogger(__name__)

REST_S: Final = 10.0
"""For so long nobody in this process asks a broker that was away."""

_AWAY = (KombuError, CeleryError, OSError)

_asks_again_at = 0.0


def ask_for_drain() -> bool:
    """Send the task for the tenant in scope; False where the broker is away or was a moment ago.

    Nothing is lost then: the sweep finds what is left.
    """
    global _asks_again_at
    if time.monotonic() < _asks_again_at:
        return False
    try:
        drain_outbox.apply_async(retry=False)
    except _AWAY as error:
        _asks_again_at = time.monotonic() + REST_S
        log.warning("No worker can be asked to drain the outbox, the sweep will: %s", error)
        return False
    return True


def forget() -> None:
    """Believe that the broker is there, as at the start of the process."""
    global _asks_again_at
    _asks_again_at = 0.0
