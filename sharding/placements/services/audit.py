"""Write down who did what."""

import getpass
import os
from collections.abc import Mapping
from contextvars import ContextVar

from sharding.placements.models import CONTROL, AuditEntry

actor: ContextVar[str] = ContextVar("atoll_actor", default="")
"""Who acts in this context; an entry point that knows (a console request) sets it."""


def record_audit(
    action: str,
    subject: str,
    *,
    before: Mapping[str, object] | None = None,
    after: Mapping[str, object] | None = None,
    by: str = "",
) -> None:
    """Keep for ever that `by` (by default whoever acts in this context) did `action`.

    A switch is written with the placement, in one statement: `switch_placement`.

    Transaction: the caller's on control, so that there is an entry exactly for what happened.
    """
    AuditEntry.objects.using(CONTROL).create(
        actor=by or who_acts(),
        action=action,
        subject=subject,
        before=dict(before or {}),
        after=dict(after or {}),
    )


def who_acts() -> str:
    """Whoever acts in this context: an operator, or who runs this process."""
    return actor.get() or _shell_user()


def _shell_user() -> str:
    try:
        return f"shell:{getpass.getuser()}"
    except (KeyError, OSError):
        # A container's user id need not have a name.
        return f"shell:{os.getuid()}"
