"""From a row of a CSV file to a ticket, or to the reason why not. Writes nothing."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from django.db.models import TextChoices
from django.utils import timezone

from accounts.models import User
from workspace.models import Ticket
from workspace.services.imports_file import Row

MOST_IN_A_TITLE: Final = 200
MOST_IN_A_BODY: Final = 20_000
_BREAKS: Final = re.compile(r"[\r\n]+")
# A clock may be a little ahead of ours; a date in the next century is a mistake.
AHEAD: Final = timedelta(days=1)


class BadRow(Exception):
    """A row that cannot become a ticket. Its text is for whoever brought the file."""


@dataclass(frozen=True, slots=True)
class People:
    """Who can be named in rows: members by address, and who brought the file."""

    by_address: Mapping[str, User]
    importer: User

    def who(self, address: str) -> User:
        """Whoever has this address here, or else the one who brought the file."""
        return self.by_address.get(_address(address), self.importer)


def people_in(rows: Iterable[Row], *, importer: User) -> People:
    """The members whose addresses are in `rows`; one query."""
    named = {
        _address(row.cells.get(column, ""))
        for row in rows
        if row.cells
        for column in ("assignee", "opened_by", "closed_by")
    }
    # PostgreSQL takes no NUL, not even to look for it.
    members = User.objects.filter(email__in=[each for each in named if each and "\0" not in each])
    return People({member.email: member for member in members}, importer)


def ticket_of(row: Row, people: People) -> Ticket:
    """The ticket that `row` tells of, not saved.

    Raises:
        BadRow: it tells of none.
    """
    if row.cells is None:
        raise BadRow("It has more cells than the header.")
    cells = row.cells
    now = timezone.now()
    opened_at = _moment(cells, "opened_at", now) or now
    ticket = Ticket(
        title=_title(cells),
        body=_body(cells),
        status=_choice(cells, "status", Ticket.Status) or Ticket.Status.OPEN,
        priority=_choice(cells, "priority", Ticket.Priority) or Ticket.Priority.NORMAL,
        assignee=_assignee(cells, people),
        opened_by=people.who(cells.get("opened_by", "")),
        opened_at=opened_at,
        updated_at=now,
    )
    if not ticket.is_open:
        ticket.closed_by = people.who(cells.get("closed_by", ""))
        ticket.closed_at = _moment(cells, "closed_at", now) or now
        if ticket.closed_at < opened_at:
            raise BadRow("closed_at: it is before opened_at.")
    return ticket


def _title(cells: Mapping[str, str]) -> str:
    title = _BREAKS.sub(" ", _text(cells, "title")).strip()
    if not title:
        raise BadRow("title: it is empty.")
    if len(title) > MOST_IN_A_TITLE:
        raise BadRow(f"title: it has {len(title):,} characters, {MOST_IN_A_TITLE} are allowed.")
    return title


def _body(cells: Mapping[str, str]) -> str:
    body = _text(cells, "body")
    if len(body) > MOST_IN_A_BODY:
        raise BadRow(f"body: it has {len(body):,} characters, {MOST_IN_A_BODY:,} are allowed.")
    return body


def _text(cells: Mapping[str, str], name: str) -> str:
    text = cells.get(name, "")
    if "\0" in text:
        raise BadRow(f"{name}: it holds a NUL character.")
    return text


def _choice(cells: Mapping[str, str], name: str, choices: type[TextChoices]) -> str:
    """The value that the cell names, by value or by what people read; empty for an empty cell."""
    said = cells.get(name, "").strip().lower()
    if not said:
        return ""
    for value, label in choices.choices:
        if said in (value, str(label).lower()):
            return str(value)
    known = ", ".join(choices.values)
    raise BadRow(f"{name}: “{said[:40]}” is none of {known}.")


def _assignee(cells: Mapping[str, str], people: People) -> User | None:
    address = _address(cells.get("assignee", ""))
    if not address:
        return None
    member = people.by_address.get(address)
    if member is None:
        raise BadRow(f"assignee: nobody here has the address “{address[:80]}”.")
    if not (member.is_active and member.may_write):
        raise BadRow(f"assignee: {member} cannot work on tickets.")
    return member


def _moment(cells: Mapping[str, str], name: str, now: datetime) -> datetime | None:
    """The moment in ISO 8601; without a zone it is taken for UTC."""
    said = cells.get(name, "").strip()
    if not said:
        return None
    try:
        moment = datetime.fromisoformat(said)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise BadRow(f"{name}: “{said[:40]}” is no date such as 2026-03-31T12:00Z.") from None
    if moment > now + AHEAD:
        raise BadRow(f"{name}: “{said[:40]}” is still to come.")
    return moment


def _address(cell: str) -> str:
    return User.objects.normalize_email(cell)
