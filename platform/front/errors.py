"""What the public host refuses.

FrontError
├── TooOften
├── SlugNotFree
├── LinkVoid
├── WrongSignUpState
├── NotReady
├── BrokerAway
└── UnknownSignUp
"""

from datetime import timedelta
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from front.types import Answer


class FrontError(Exception):
    """The public host cannot do this."""

    code: ClassVar[str] = "front"
    retryable: ClassVar[bool] = False


class TooOften(FrontError):
    """One visitor asked for the same thing too often.

    Nothing was changed. Wait for as long as `retry_after` says.
    """

    code = "front.too_often"
    retryable = True

    def __init__(self, kind: str, *, retry_after: timedelta) -> None:
        self.kind = kind
        self.retry_after = retry_after
        minutes = max(1, round(retry_after.total_seconds() / 60))
        super().__init__(
            f"That was asked too often from here. Try again in {minutes} "
            f"minute{'s' * (minutes > 1)}."
        )


class SlugNotFree(FrontError):
    """A subdomain cannot be had; `answer` says why.

    Nothing was changed. Choose another one.
    """

    code = "front.slug_not_free"

    def __init__(self, answer: "Answer") -> None:
        self.answer = answer
        super().__init__(answer.reason)


class LinkVoid(FrontError):
    """A link is not ours, too old, or of something that is over.

    Nothing was changed. Sign up again, or find your workspace.
    """

    code = "front.link_void"

    def __init__(self) -> None:
        super().__init__("This link does not hold (any more).")


class WrongSignUpState(FrontError):
    """A sign-up cannot go from its state to the one asked for."""

    code = "front.wrong_state"

    def __init__(self, sign_up: object, *, found: str, wanted: str) -> None:
        self.found = found
        super().__init__(
            f"Sign-up {sign_up} is {found} and cannot become {wanted}. Nothing was changed."
        )


class NotReady(FrontError):
    """A workspace is not there yet, so nobody can go in."""

    code = "front.not_ready"
    retryable = True

    def __init__(self) -> None:
        super().__init__("This workspace is not ready yet. Wait until its page says so.")


class UnknownSignUp(FrontError):
    """No sign-up has this id."""

    code = "front.unknown_sign_up"

    def __init__(self, sign_up: object) -> None:
        super().__init__(f"No sign-up has the id {sign_up}. `manage.py list_sign_ups` shows all.")


class BrokerAway(FrontError):
    """The queue of tasks cannot be reached.

    Nothing was sent. Try again in a moment.
    """

    code = "front.broker_away"
    retryable = True

    def __init__(self) -> None:
        super().__init__("The queue of tasks cannot be reached. Nothing was sent; try again soon.")
