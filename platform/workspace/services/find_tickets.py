"""Looking for tickets: which ones, and in which order. Reads only."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

from django.contrib.postgres.search import SearchQuery, SearchRank
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from accounts.models import User
from workspace.models import SEARCH_CONFIG, Ticket
from workspace.paging import LATELY_CHANGED, NEWEST, Order, Page, page_of
from workspace.search import ticket_number, to_tsquery

UNSOLVED: Final = "unsolved"
ALL: Final = "all"
ME: Final = "me"
NOBODY: Final = "none"

BEST: Final = "best"
ORDERS: Final[Mapping[str, Order]] = {"newest": NEWEST, "changed": LATELY_CHANGED}

# How many matches are put in order by how well they match: the newest so many. Ranking reads every
# match, and a word that half of all tickets hold would make each search read half of them.
RANKED: Final = 1000


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tickets somebody wants to see.

    Attributes:
        status: a status, `UNSOLVED` or `ALL`.
        priority: a priority, or empty for any.
        assignee: a member's id, `NOBODY`, or empty for anybody's.
        text: what to search for, as typed.
        order: a name of `ORDERS`, or `BEST` with a text.
    """

    status: str = UNSOLVED
    priority: str = ""
    assignee: str = ""
    text: str = ""
    order: str = "newest"

    @classmethod
    def asked(cls, fields: Mapping[str, str], *, by: User) -> Self:
        """What the fields of a form say, with defaults; `ME` is `by`."""
        given = {name: fields.get(name) or "" for name in cls.__slots__}
        if given["assignee"] == ME:
            given["assignee"] = str(by.pk)
        order = given["order"] or BEST
        if not given["text"] and order == BEST:
            order = "newest"  # without words no ticket matches better than others
        return cls(**{**given, "status": given["status"] or UNSOLVED, "order": order})


def find_tickets(wanted: Wanted) -> QuerySet[Ticket]:
    """The tickets that are wanted, in no order, with the people whom a list shows."""
    found = Ticket.objects.select_related("opened_by", "assignee").defer("body", "search")
    if (number := ticket_number(wanted.text)) is not None:
        return found.filter(pk=number)
    if wanted.status == UNSOLVED:
        found = found.filter(status__in=Ticket.UNSOLVED)
    elif wanted.status != ALL:
        found = found.filter(status=wanted.status)
    if wanted.priority:
        found = found.filter(priority=wanted.priority)
    if wanted.assignee == NOBODY:
        found = found.filter(assignee=None)
    elif wanted.assignee:
        found = found.filter(assignee_id=UUID(wanted.assignee))
    if wanted.text:
        found = found.filter(search=_query(wanted.text))
    return found


def ticket_page(wanted: Wanted, size: int, *, after: str = "", before: str = "") -> Page[Ticket]:
    """One page of the tickets that are wanted, in the order that is wanted.

    By how well they match there is one page only, of at most `size`: nobody reads the worst.

    Raises:
        Http404: a cursor that no page of this list can have given.
    """
    found = find_tickets(wanted)
    if wanted.order != BEST or ticket_number(wanted.text) is not None:
        order = ORDERS.get(wanted.order, NEWEST)
        return page_of(found, order, size, after=after, before=before)
    newest = found.order_by("-id").values("pk")[:RANKED]
    best = (
        Ticket.objects.select_related("opened_by", "assignee")
        .defer("body", "search")
        .filter(pk__in=newest)
        .annotate(rank=SearchRank(F("search"), _query(wanted.text)))
        .order_by("-rank", "-id")
    )
    return Page(list(best[:size]), before=None, after=None)


def members_to_ask_for() -> QuerySet[User]:
    """Whose tickets a list can be asked for: all members, and leavers who still hold some."""
    held = Ticket.objects.filter(assignee=OuterRef("pk"), status__in=Ticket.UNSOLVED)
    return User.objects.filter(Q(is_active=True) | Q(Exists(held))).order_by("-is_active", "email")


def _query(text: str) -> SearchQuery:
    return SearchQuery(to_tsquery(text), config=SEARCH_CONFIG, search_type="raw")
