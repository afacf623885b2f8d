"""gunicorn's log as JSON: one line per request, with its id, tenant, shard and user.

Addresses of people are in none: a user is an id. What a query string says is left out, and so is
the path of a link that lets its owner in.
"""

import json
import logging
import time
from datetime import timedelta
from typing import Any

from gunicorn.glogging import Logger

from config.observability.handlers import SEEN
from config.observability.logs import JsonFormatter, timestamp
from config.observability.request_ids import ID_KEY


class JsonLogger(Logger):  # type: ignore[misc]  # it ships no types
    """gunicorn's setting `logger_class`."""

    def setup(self, cfg: Any) -> None:
        """Let gunicorn's own messages be JSON as well."""
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(JsonFormatter())

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:
        """Write one line about one request."""
        if self.access_log_enabled and self.access_log.isEnabledFor(logging.INFO):
            line = access_line(resp, environ, request_time)
            self.access_log.info("%s", json.dumps(line, ensure_ascii=False, default=str))


def access_line(resp: Any, environ: dict[str, Any], took: timedelta) -> dict[str, Any]:
    """What is told of one request."""
    tenant, shard, user, pattern = environ.get(SEEN, ("-", "none", None, None))
    status = resp.status
    line = {
        "at": timestamp(time.time()),
        "level": "INFO",
        "logger": "gunicorn.access",
        "request_id": environ.get(ID_KEY),
        "tenant": tenant,
        "shard": shard,
        "user": user,
        "client": environ.get("REMOTE_ADDR"),
        "forwarded_for": environ.get("HTTP_X_FORWARDED_FOR"),
        "host": environ.get("HTTP_HOST"),
        # What gunicorn itself refuses (two Host headers) has no path: it was not read so far.
        "method": environ.get("REQUEST_METHOD"),
        "path": pattern or environ.get("PATH_INFO"),
        "status": int(status.split(None, 1)[0]) if isinstance(status, str) else status,
        "bytes": getattr(resp, "sent", None),
        "ms": round(took.total_seconds() * 1000, 1),
    }
    return {name: value for name, value in line.items() if value not in {None, "-", "none"}}
