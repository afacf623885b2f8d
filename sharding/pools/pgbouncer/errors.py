"""What is refused about PgBouncer.

PgBouncerError
├── NotConfigurable
├── NoConfiguration
├── ConsoleUnreachable
├── ConsoleRefused
└── ReloadNotTaken
"""

from typing import ClassVar


class PgBouncerError(Exception):
    """PgBouncer cannot be set up or asked as wished."""

    code: ClassVar[str] = "pgbouncer"
    retryable: ClassVar[bool] = False


class NotConfigurable(PgBouncerError):
    """The registry or the budget describes nothing that one PgBouncer could do."""

    code = "pgbouncer.not_configurable"

    def __init__(self, why: str) -> None:
        super().__init__(f"No configuration for PgBouncer: {why} Nothing was written.")


class NoConfiguration(PgBouncerError):
    """A folder holds no configuration of ours."""

    code = "pgbouncer.no_configuration"

    def __init__(self, folder: str, why: str) -> None:
        super().__init__(
            f"{folder} holds no configuration of ours ({why}). Write it with "
            "`manage.py write_pgbouncer_config`."
        )


class ConsoleUnreachable(PgBouncerError):
    """PgBouncer's console does not answer, or does not let us in."""

    code = "pgbouncer.console_unreachable"
    retryable = True

    def __init__(self, address: str, why: str) -> None:
        super().__init__(
            f"PgBouncer's console at {address} cannot be reached: {why.strip()}. Is it running, "
            "with the files of this folder?"
        )


class ConsoleRefused(PgBouncerError):
    """PgBouncer's console refused a command."""

    code = "pgbouncer.console_refused"

    def __init__(self, command: str, why: str) -> None:
        super().__init__(f"PgBouncer refused {command}: {why.strip()}.")


class ReloadNotTaken(PgBouncerError):
    """PgBouncer goes on with other values than its file has."""

    code = "pgbouncer.reload_not_taken"

    def __init__(self, differences: tuple[str, ...]) -> None:
        self.differences = differences
        super().__init__(
            f"PgBouncer was told to reload and did not take all of it: {'; '.join(differences)}. "
            "Look at its log; what it cannot change while it runs needs a restart."
        )
