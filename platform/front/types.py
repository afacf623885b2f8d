"""What is asked of the public host, and what it answers."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from front.states import SignUpState


class Availability(StrEnum):
    """Whether a subdomain can be had."""

    FREE = "free"
    INVALID = "invalid"
    """It cannot be a host name of ours."""

    RESERVED = "reserved"
    """It means something else."""

    TAKEN = "taken"
    """Somebody has it, or is just getting it."""

    RESTING = "quarantined"
    """Somebody gave it up lately."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Whether a subdomain can be had, and a sentence for people that says why."""

    slug: str
    availability: Availability
    reason: str

    @property
    def is_free(self) -> bool:
        """Whether it can be had now; only the confirmation decides for good."""
        return self.availability is Availability.FREE


@dataclass(frozen=True, slots=True)
class Wish:
    """A workspace that somebody asks for.

    Attributes:
        name: what people will call it.
        slug: its subdomain.
        email: of who asks, in the form in which accounts keep it.
    """

    name: str
    slug: str
    email: str


class StepState(StrEnum):
    """How far one step is."""

    DONE = "done"
    NOW = "now"
    LATER = "later"


@dataclass(frozen=True, slots=True)
class Step:
    """One step of making a workspace, as its future admin sees it."""

    name: str
    state: StepState


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a workspace is.

    Attributes:
        try_after: when a failed one is tried again; None when a person is needed.
    """

    state: SignUpState
    steps: tuple[Step, ...]
    try_after: datetime | None = None


@dataclass(frozen=True, slots=True)
class SignUpLine:
    """One sign-up as `list_sign_ups` shows it; the console shows tenants only."""

    id: str
    state: SignUpState
    slug: str
    name: str
    email: str
    tenant_id: str | None
    tries: int
    asked_at: datetime
    changed_at: datetime
    try_after: datetime | None
    last_error: str

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "id": self.id,
            "state": str(self.state),
            "slug": self.slug,
            "name": self.name,
            "email": self.email,
            "tenant_id": self.tenant_id,
            "tries": self.tries,
            "asked_at": self.asked_at.isoformat(),
            "changed_at": self.changed_at.isoformat(),
            "try_after": self.try_after.isoformat() if self.try_after else None,
            "last_error": self.last_error or None,
        }
