"""What the workspace refuses.

WorkspaceError
├── TicketChangedMeanwhile
├── NotAssignable
├── AttachmentRefused
├── LogoRefused
├── TransferUnavailable
│   ├── ExportsUnavailable
│   └── ImportsUnavailable
├── TransferBusy
├── KeyUsedOtherwise
└── ImportRefused
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


class AttachmentRefused(WorkspaceError):
    """A file is too large, empty, one too many, or of a type that is not taken.

    Nothing was kept. Send it in another form, or fewer at once.
    """

    code = "workspace.attachment_refused"

    def __init__(self, name: str, why: str) -> None:
        self.name = name
        self.why = why
        super().__init__(f"{name} was not attached: {why}.")


class LogoRefused(WorkspaceError):
    """A logo must be a picture that this server can read.

    The logo is what it was. Send a PNG, JPEG, GIF or WebP file.
    """

    code = "workspace.logo_refused"

    def __init__(self, why: str) -> None:
        self.why = why
        super().__init__(f"This logo cannot be used: {why}.")


class TransferUnavailable(WorkspaceError):
    """The queue of tasks cannot be reached, so nobody would do the work.

    Nothing was kept. Ask again in a moment.
    """

    code = "workspace.transfer_unavailable"
    retryable = True

    def __init__(self) -> None:
        super().__init__("The queue of tasks cannot be reached. Nothing was kept; ask again soon.")


class ExportsUnavailable(TransferUnavailable):
    """The queue of tasks cannot be reached, so nobody would write the export.

    Nothing was kept. Ask again in a moment.
    """

    code = "workspace.exports_unavailable"
    retryable = True


class ImportsUnavailable(TransferUnavailable):
    """The queue of tasks cannot be reached, so nobody would read the file.

    Nothing was kept. Ask again in a moment.
    """

    code = "workspace.imports_unavailable"
    retryable = True


class TransferBusy(WorkspaceError):
    """An export or import cannot be deleted while it is being worked on.

    Nothing was changed. Stop the import first, or wait until the export is written.
    """

    code = "workspace.transfer_busy"
    retryable = True

    def __init__(self) -> None:
        super().__init__("It is being worked on. Wait until it has ended, or stop it, then delete.")


class KeyUsedOtherwise(WorkspaceError):
    """A program used one Idempotency-Key for two different requests.

    Nothing was changed. Take a new key for each wish, and the same one only to ask again.
    """

    code = "workspace.key_used_otherwise"

    def __init__(self) -> None:
        super().__init__(
            "With this Idempotency-Key something else was asked for before. Nothing was changed; "
            "take a new key for each wish."
        )


class ImportRefused(WorkspaceError):
    """A file cannot be imported as a whole: it is no CSV file, too large, or names no title.

    Nothing was imported.
    """

    code = "workspace.import_refused"

    def __init__(self, why: str) -> None:
        super().__init__(f"{why} Nothing was imported.")
