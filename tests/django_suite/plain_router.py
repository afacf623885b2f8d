"""The stock side has a router too: with none, some of Django takes another way than with one."""

from typing import Any


class PlainRouter:
    """Django's own default routing, in a router."""

    def db_for_read(self, model: Any, **hints: Any) -> str | None:
        """No opinion, so Django decides as it does without a router."""
        return None

    db_for_write = db_for_read
