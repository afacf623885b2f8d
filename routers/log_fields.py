"""Which tenant and shard a log line is about."""

import logging

from sharding import scope


class ScopeFields(logging.Filter):
    """Gives every record `tenant` and `shard`, `-` where there is none.

    Stands at a handler, not at a logger: a logger's filters do not see what its children log.
    What the record carries already stays, so that a queue between threads keeps the first truth.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Add the fields; let every record through."""
        if not hasattr(record, "tenant"):
            current = scope.current() or _place_of_request(record)
            place = current if isinstance(current, scope.Placement) else None
            record.tenant = place.tenant_id if place is not None else "-"
            record.shard = current.shard if current is not None else "-"
        return True


def _place_of_request(record: logging.LogRecord) -> scope.Placement | None:
    # Django logs a 404 or 500 when the response has left all middleware, and so the scope.
    tenant = getattr(getattr(record, "request", None), "tenant", None)
    place = getattr(tenant, "placement", None)
    return place if isinstance(place, scope.Placement) else None
