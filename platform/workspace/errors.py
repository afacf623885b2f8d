"""What the workspace refuses.

WorkspaceError
├── TicketChangedMeanwhile
├── NotAssignable
└── ExportsUnavailable
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from accounts.models import User
    from workspace.models import TicketChange


class WorkspaceError(Exception):
    """The workspace cannot do this."""

    code: ClassVar[str] = "workspace"
    retryable: ClassVar[bool] = False


class TicketChangedMeanwhile(WorkspaceError):
    """Somebody else changed the same field since this person looked.

    Nothing was changed. Look at `changes`, then ask again with the ticket's present version.
    """

    code = "workspace.ticket_changed"
    retryable = True

    def __init__(self, changes: "Sequence[TicketChange]") -> None:
        self.changes = changes
        fields = ", ".join(sorted({change.field for change in changes}))
        super().__init__(
            f"Somebody else changed this ticket meanwhile ({fields}). Nothing was changed; look at "
            "the ticket as it is now, then change it again."
        )


class NotAssignable(WorkspaceError):
    """Tickets are assigned to active members who may write.

    Nothing was changed. Choose somebody else.
    """

    code = "workspace.not_assignable"

    def __init__(self, member: "User") -> None:
        self.member = member
        super().__init__(f"{member} cannot work on tickets. Choose somebody else.")


class ExportsUnavailable(WorkspaceError):
    """The queue of tasks cannot be reached, so nobody would write the export.

    Nothing was kept. Ask again in a moment.
    """

    code = "workspace.exports_unavailable"
    retryable = True

    def __init__(self) -> None:
        super().__init__("The queue of tasks cannot be reached. Nothing was kept; ask again soon.")
