"""Which requests are refused before they have a thread, as far as memory tells.

Source: docs/adr/0029.
"""

from typing import Any, Final

from sharding.pools.slots import Refused
from tenants.admission import NoSlot, route_of_our_own
from tenants.conf import tenant_settings
from tenants.directory.lookup import directory
from tenants.directory.types import HostKey
from tenants.errors import InvalidHost
from tenants.gating.waiting import must_wait
from tenants.hosts import normalise_host
from tenants.serving import Verdict
from tenants.slots import take_slot

_HOST: Final = b"host"
_FORWARDED: Final = b"x-forwarded-host"


def no_slot_for(scope: Any) -> NoSlot | None:
    """Why the request is refused at once; None also where that is not known without asking."""
    try:
        host = normalise_host(_host_header(scope))
    except InvalidHost:
        return None
    if route_of_our_own(host) is not None:
        return None
    known = directory().peek(HostKey(host))
    entry = None if known is None else known.entry
    if entry is None or entry.verdict is not Verdict.SERVE or must_wait(entry):
        return None
    slot = take_slot(entry)
    if isinstance(slot, Refused):
        return NoSlot(entry, slot)
    # The middleware takes it, at the end of a way that may wait and may fail.
    slot.give_back()
    return None


def _host_header(scope: Any) -> str:
    """The header that names the host; several arrive joined, which is no host."""
    headers = scope["headers"]
    forwarded = tenant_settings().believe_forwarded_host and any(
        name == _FORWARDED for name, _ in headers
    )
    wanted = _FORWARDED if forwarded else _HOST
    return b",".join(value for name, value in headers if name == wanted).decode("latin-1")
