"""What goes in and comes out: the words of the API's version 1. Fields are added, never changed."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Literal
from uuid import UUID

from ninja import Header, Schema
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from workspace.models import Ticket
from workspace.services.find_tickets import ALL, BEST, UNSOLVED

MOST_CHARACTERS: Final = 20_000
MOST_BIGINT: Final = 2**63 - 1

# PostgreSQL keeps no NUL. A title is one line, and something of it is to be seen.
_TEXT: Final = r"^[^\x00]*$"
_TEXT_NOT_EMPTY: Final = r"^[^\x00]*[^\x00-\x20\x7f-\xa0][^\x00]*$"
_TITLE: Final = r"^[^\x00-\x1f\x7f]*[^\x00-\x20\x7f-\xa0][^\x00-\x1f\x7f]*$"


def _encodable(text: str) -> str:
    """What JSON can spell and no database can keep: half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError("holds half of a surrogate pair, which is no character") from None
    return text


Title = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200, pattern=_TITLE),
    AfterValidator(_encodable),
    AfterValidator(lambda title: title.strip(" ")),
    Field(description="One line.", examples=["The printer is on fire"]),
]
Body = Annotated[
    str,
    StringConstraints(max_length=MOST_CHARACTERS, pattern=_TEXT),
    AfterValidator(_encodable),
    Field(description="Plain text."),
]
CommentText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=MOST_CHARACTERS, pattern=_TEXT_NOT_EMPTY),
    AfterValidator(_encodable),
    Field(description="Plain text.", examples=["Have you tried water?"]),
]
Words = Annotated[
    str,
    StringConstraints(max_length=200, pattern=_TEXT),
    AfterValidator(_encodable),
]
Cursor = Annotated[
    str,
    StringConstraints(max_length=200, pattern=r"^[A-Za-z0-9_.=-]*$"),
]
Limit = Annotated[int, Field(ge=1, le=100, description="How many at most.")]
SeenComment = Annotated[
    int, Field(ge=0, le=MOST_BIGINT, description="Id of the last comment that was seen.")
]
Status = Ticket.Status
Priority = Ticket.Priority


IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        min_length=1,
        max_length=200,
        description="Your own name for this wish, such as a UUID. Asked for again with the same "
        "key within a day, it is not done again, and the answer shows what was made.",
    ),
]


class Listed(StrEnum):
    """Which statuses are listed."""

    OPEN = Status.OPEN.value
    PENDING = Status.PENDING.value
    SOLVED = Status.SOLVED.value
    CLOSED = Status.CLOSED.value
    UNSOLVED = UNSOLVED
    ALL = ALL


class Sorted(StrEnum):
    """In which order tickets are listed."""

    NEWEST = "newest"
    CHANGED = "changed"
    BEST = BEST


Assignee = Annotated[
    UUID | None,
    Field(description="Id of a member who may write, or null for nobody."),
]


class Strict(BaseModel):
    """What comes in holds known fields only: a misspelt one is refused, not passed over."""

    model_config = ConfigDict(extra="forbid")


class PersonOut(Schema):
    """A member."""

    id: UUID
    name: str = Field(description="Their name, or their address where they gave none.")
    email: str

    @staticmethod
    def resolve_name(person: object) -> str:
        """As the pages say it."""
        return str(person)


class TicketOut(Schema):
    """A ticket."""

    id: int
    title: str
    body: str
    status: Status
    priority: Priority
    assignee: PersonOut | None
    opened_by: PersonOut
    opened_at: datetime
    updated_at: datetime
    closed_by: PersonOut | None = Field(description="Who solved or closed it.")
    closed_at: datetime | None
    version: int = Field(description="Grows by one with each change of a field.")


class TicketFilter(BaseModel):
    """Which tickets are wanted, and in which order."""

    status: Listed = Field(Listed.ALL, description="A status; `unsolved` is open and pending.")
    priority: Priority | None = None
    assignee: Literal["me", "none"] | UUID | None = Field(
        None, description="Id of a member, `me`, or `none` for those of nobody."
    )
    q: Words = Field("", description="Words to search for, as on the page of tickets.")
    order: Sorted = Field(
        Sorted.NEWEST,
        description="`changed` for the last change first; with `q` also `best`, for the best match "
        "first: that is one page only.",
    )
    after: Cursor = Field("", description="`next` of the page before.")
    before: Cursor = Field("", description="`previous` of the page after.")
    limit: Limit = 25


class TicketIn(Strict):
    """A new ticket."""

    title: Title
    body: Body = ""
    status: Status = Status.OPEN
    priority: Priority = Priority.NORMAL
    assignee: Assignee = None


def _no_defaults(schema: dict[str, Any]) -> None:
    for field in schema["properties"].values():
        field.pop("default", None)


class TicketPatch(Strict):
    """What is to be different; what is not named stays."""

    # The defaults below stand for "not named" and are never used as values.
    model_config = ConfigDict(extra="forbid", json_schema_extra=_no_defaults)

    title: Title = ""
    body: Body = ""
    status: Status = Status.OPEN
    priority: Priority = Priority.NORMAL
    assignee: Assignee = None
    version: Annotated[
        int | None,
        Field(
            ge=1,
            le=2**31 - 1,
            description="The version that was looked at. If somebody has changed one of the same "
            "fields since, the answer is 409 and nothing is changed. Without it the last one wins.",
        ),
    ] = None


class TicketBrief(Schema):
    """A ticket in a list."""

    id: int
    title: str
    status: Status
    priority: Priority
    assignee: PersonOut | None
    opened_by: PersonOut
    opened_at: datetime
    updated_at: datetime
    closed_at: datetime | None
    version: int


class TicketPage(Schema):
    """Some tickets, and how to get those around them."""

    items: list[TicketBrief]
    next: str | None = Field(description="The value of `after` that gives the following page.")
    previous: str | None = Field(description="The value of `before` that gives the page before.")


class CommentOut(Schema):
    """A comment on a ticket."""

    id: int
    author: PersonOut
    text: str
    written_at: datetime


class CommentIn(Strict):
    """A new comment."""

    text: CommentText


class CommentPage(Schema):
    """Some comments of a ticket, the oldest first."""

    items: list[CommentOut]
    next: int | None = Field(description="The value of `after` that gives the following page.")
