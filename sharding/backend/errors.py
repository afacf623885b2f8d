"""What the backend refuses.

BackendError
├── SessionStateRefused
├── NotSessionBound
├── StatementRefused
└── NotInstalled

Not of this tree, since Django must know it as a database that is away:
ControlHasNoAddress
"""

from typing import ClassVar

from django.db.utils import NotSupportedError, OperationalError

from sharding.registry.errors import ControlNotRegistered


class BackendError(NotSupportedError):
    """The backend does not do this."""

    code: ClassVar[str] = "backend"
    retryable: ClassVar[bool] = False


class ControlHasNoAddress(ControlNotRegistered, OperationalError):
    """The control database cannot be connected to: nobody says where it is.

    Also what Django calls a database that does not answer, so that `makemigrations`, which only
    wants to compare, warns and goes on.
    """


class SessionStateRefused(BackendError):
    """A statement would leave something on the session, which the next tenant's code would find.

    Say `SET LOCAL` inside a transaction. Owner work belongs in session-bound mode.
    """

    code = "backend.session_state"

    def __init__(self, words: str) -> None:
        self.words = words
        super().__init__(
            f"{words} would stay on a session that other tenants use next. Use SET LOCAL inside "
            "a transaction; schema work belongs in sharding.backend.session_bound; a trusted "
            "script says sharding.backend.statements.trusted()."
        )


class NotSessionBound(BackendError):
    """Schema work without a transaction was begun outside session-bound mode."""

    code = "backend.not_session_bound"

    def __init__(self) -> None:
        super().__init__(
            "A schema editor without a transaction needs a connection that keeps its tenant: "
            "`with sharding.backend.session_bound.session_bound(placement):`. Migrations of "
            "tenants run there."
        )


class StatementRefused(BackendError):
    """A way of sending statements that cannot carry a tenant."""

    code = "backend.statement_refused"

    def __init__(self, what: str) -> None:
        super().__init__(f"{what} cannot carry the tenant in scope and is refused.")
