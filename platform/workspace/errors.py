"""What the workspace refuses.

WorkspaceError
└── ExportsUnavailable
"""

from typing import ClassVar


class WorkspaceError(Exception):
    """The workspace cannot do this."""

    code: ClassVar[str] = "workspace"
    retryable: ClassVar[bool] = False


class ExportsUnavailable(WorkspaceError):
    """The queue of tasks cannot be reached, so nobody would write the export.

    Nothing was kept. Ask again in a moment.
    """

    code = "workspace.exports_unavailable"
    retryable = True

    def __init__(self) -> None:
        super().__init__("The queue of tasks cannot be reached. Nothing was kept; ask again soon.")
