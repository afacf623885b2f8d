"""Pages of a list by keyset: a page is asked for by the row that it follows, or that follows it.

However far somebody goes, the database reads one page from an index. A row that is added meanwhile
moves nothing from one page to the next.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Generic, TypeVar

from django.db.models import Model, Q, QuerySet
from django.http import Http404

Row = TypeVar("Row", bound=Model)

LONGEST_CURSOR: Final = 200


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted: by `field`, the largest first, then by key.

    Attributes:
        field: of the row; "id" when it is sorted by key alone.
    """

    field: str

    @property
    def forward(self) -> list[str]:
        """As `order_by` wants it."""
        return ["-id"] if self.field == "id" else [f"-{self.field}", "-id"]

    @property
    def backward(self) -> list[str]:
        """The same from the end."""
        return [name.removeprefix("-") for name in self.forward]


NEWEST: Final = Order("id")
LATELY_CHANGED: Final = Order("updated_at")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Some rows of a list, and how to ask for those beside them.

    Attributes:
        before: cursor of the page of larger rows; None at the beginning.
        after: cursor of the page of smaller rows; None at the end.
    """

    rows: Sequence[Row]
    before: str | None
    after: str | None


def page_of(
    rows: QuerySet[Row], order: Order, size: int, *, after: str = "", before: str = ""
) -> Page[Row]:
    """One page of `rows`: the first, or the one after or before a cursor.

    Raises:
        Http404: a cursor that no page of this list can have given.
    """
    if before:
        # One more than asked for, to see whether there are more.
        found = list(_beyond(rows, order, before, "gt").order_by(*order.backward)[: size + 1])
        shown = found[:size][::-1]
        return Page(
            shown,
            before=_cursor(order, shown[0]) if len(found) > size else None,
            after=_cursor(order, shown[-1]) if shown else None,
        )
    wanted = _beyond(rows, order, after, "lt") if after else rows
    found = list(wanted.order_by(*order.forward)[: size + 1])
    shown = found[:size]
    return Page(
        shown,
        before=_cursor(order, shown[0]) if shown and after else None,
        after=_cursor(order, shown[-1]) if len(found) > size else None,
    )


def _beyond(rows: QuerySet[Row], order: Order, cursor: str, way: str) -> QuerySet[Row]:
    value, key = _read(order, cursor)
    if order.field == "id":
        return rows.filter(**{f"id__{way}": key})
    # The first condition says nothing new, but leads into the index, which an OR does not.
    return rows.filter(
        Q(**{f"{order.field}__{way}e": value})
        & (Q(**{f"{order.field}__{way}": value}) | Q(**{order.field: value, f"id__{way}": key}))
    )


def _cursor(order: Order, row: Model) -> str:
    value = None if order.field == "id" else getattr(row, order.field).isoformat()
    text = json.dumps([value, row.pk], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read(order: Order, cursor: str) -> tuple[datetime | None, int]:
    try:
        if len(cursor) > LONGEST_CURSOR:
            raise ValueError(len(cursor))
        padded = cursor + "=" * (-len(cursor) % 4)
        value, key = json.loads(base64.urlsafe_b64decode(padded))
        if not isinstance(key, int) or not 0 <= key < 2**63:
            raise ValueError(key)
        moment = None if order.field == "id" else datetime.fromisoformat(value)
        if moment is not None and moment.tzinfo is None:
            raise ValueError(value)
    except (ValueError, TypeError, binascii.Error) as error:
        raise Http404 from error
    return moment, key
