"""Log lines as JSON, one object a line: what a program reads."""

import json
import logging
from datetime import UTC, datetime
from typing import Any, Final

_OURS: Final = ("request_id", "tenant", "shard")


def timestamp(seconds: float) -> str:
    """Unix time as `2026-01-31T12:00:00.123Z`."""
    at = datetime.fromtimestamp(seconds, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class JsonFormatter(logging.Formatter):
    """at, level, logger, message; request_id, tenant and shard where there is one; error."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, whatever the message holds."""
        line: dict[str, Any] = {
            "at": timestamp(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in _OURS:
            value = getattr(record, name, "-")
            if value != "-":
                line[name] = value
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        if record.stack_info:
            line["stack"] = self.formatStack(record.stack_info)
        return json.dumps(line, ensure_ascii=False, default=str)
