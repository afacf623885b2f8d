"""What the console refuses.

ConsoleError
├── InvalidOperator
├── OperatorExists
├── UnknownOperator
├── SignInRefused
│   ├── TooManyFailures
│   └── SignInExpired
├── WrongCode
└── NotConfirmed
"""

from datetime import timedelta
from typing import ClassVar


class ConsoleError(Exception):
    """Something about operators cannot be done."""

    code: ClassVar[str] = "console"
    retryable: ClassVar[bool] = False


class InvalidOperator(ConsoleError):
    """What was given makes no operator."""

    code = "console.invalid_operator"

    def __init__(self, why: str) -> None:
        super().__init__(f"{why} Nothing was changed.")


class OperatorExists(ConsoleError):
    """There is an operator with this address."""

    code = "console.operator_exists"

    def __init__(self, email: str) -> None:
        super().__init__(
            f"{email} is an operator already; nothing was changed. `manage.py "
            f"reset_operator_factor {email}` gives a new second factor, with --password a new "
            "password as well."
        )


class UnknownOperator(ConsoleError):
    """No operator has this address."""

    code = "console.unknown_operator"

    def __init__(self, email: str) -> None:
        super().__init__(
            f"There is no operator {email[:80]!r}. `manage.py list_operators` shows all."
        )


class SignInRefused(ConsoleError):
    """The address and the password do not go together."""

    code = "console.sign_in_refused"

    def __init__(self, message: str = "This address and password do not go together.") -> None:
        super().__init__(message)


class TooManyFailures(SignInRefused):
    """Too many wrong passwords or codes; nothing was looked at."""

    code = "console.too_many_failures"
    retryable = True

    def __init__(self, locked_for: timedelta) -> None:
        minutes = max(1, round(locked_for.total_seconds() / 60))
        super().__init__(
            f"There were too many failed attempts. Try again in {minutes} minutes; nothing was "
            "looked at this time."
        )


class SignInExpired(SignInRefused):
    """Too long ago between password and code."""

    code = "console.sign_in_expired"
    retryable = True

    def __init__(self) -> None:
        super().__init__("That took too long. Please begin again with your password.")


class WrongCode(ConsoleError):
    """A code is not the one that is wanted, or was used before."""

    code = "console.wrong_code"

    def __init__(self, wait: timedelta = timedelta(0)) -> None:
        self.wait = wait
        text = "This code is not right, or was used before."
        if seconds := round(wait.total_seconds()):
            text = f"Too fast after a wrong code: wait {seconds} seconds, then take a new code."
        super().__init__(text)


class NotConfirmed(ConsoleError):
    """What was typed to confirm is not what it should be."""

    code = "console.not_confirmed"

    def __init__(self, wanted: str) -> None:
        super().__init__(f"Type {wanted!r} to confirm. Nothing was changed.")
