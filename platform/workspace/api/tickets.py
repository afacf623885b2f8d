"""/tickets: what somebody asked for."""

from typing import Any, Final
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from ninja import Query, Router, Status

from accounts.models import User
from workspace.api.auth import caller, reading, writing
from workspace.api.once import once
from workspace.api.outcomes import ANY, CLASHING, OF_A_BODY, OF_ONE, OF_WHAT_IS_ASKED
from workspace.api.problems import Problem, ProblemOut
from workspace.api.schemas import (
    IdempotencyKey,
    Sorted,
    TicketFilter,
    TicketIn,
    TicketOut,
    TicketPage,
    TicketPatch,
)
from workspace.models import Ticket
from workspace.services.find_tickets import ME, Wanted, ticket_page
from workspace.services.tickets import open_ticket, update_ticket

router: Final = Router(tags=["tickets"])

PEOPLE: Final = ("assignee", "opened_by", "closed_by")


@router.get(
    "/tickets",
    auth=reading,
    response={200: TicketPage, ANY | OF_ONE | OF_WHAT_IS_ASKED: ProblemOut},
    operation_id="list_tickets",
    summary="List tickets",
)
def list_tickets(request: HttpRequest, wanted: Query[TicketFilter]) -> dict[str, object]:
    """A page of those that are wanted. `next` and `previous` lead to the pages beside it."""
    page = ticket_page(
        _wanted(wanted, by=caller(request).user),
        wanted.limit,
        after=wanted.after,
        before=wanted.before,
    )
    return {"items": page.rows, "next": page.after, "previous": page.before}


@router.post(
    "/tickets",
    auth=writing,
    response={201: TicketOut, ANY | OF_A_BODY | CLASHING: ProblemOut},
    operation_id="create_ticket",
    summary="Open a ticket",
)
def create_ticket(
    request: HttpRequest,
    ticket: TicketIn,
    response: HttpResponse,
    idempotency_key: IdempotencyKey = None,
) -> Status[Ticket]:
    """The header Location is the new ticket's address."""

    def make() -> Ticket:
        content = ticket.model_dump() | {"assignee": _member(ticket.assignee)}
        return open_ticket(Ticket(**content), by=caller(request).user)

    key = once(request, idempotency_key, make)
    response["Location"] = reverse("api:get_ticket", args=[key])
    return Status(201, Ticket.objects.select_related(*PEOPLE).get(pk=key))


@router.get(
    "/tickets/{int:ticket_id}",
    auth=reading,
    response={200: TicketOut, ANY | OF_ONE: ProblemOut},
    operation_id="get_ticket",
    summary="Get a ticket",
)
def get_ticket(request: HttpRequest, ticket_id: int) -> Ticket:
    """One ticket. Its comments have an address of their own."""
    return get_object_or_404(Ticket.objects.select_related(*PEOPLE), pk=ticket_id)


@router.patch(
    "/tickets/{int:ticket_id}",
    auth=writing,
    response={200: TicketOut, ANY | OF_ONE | OF_A_BODY | CLASHING: ProblemOut},
    operation_id="change_ticket",
    summary="Change a ticket",
)
def change_ticket(request: HttpRequest, ticket_id: int, changes: TicketPatch) -> Ticket:
    """What is named is changed, in one go; the rest stays."""
    ticket = get_object_or_404(Ticket.objects.select_related(*PEOPLE), pk=ticket_id)
    wanted: dict[str, Any] = changes.model_dump(exclude_unset=True)
    seen = wanted.pop("version", None)
    if "assignee" in wanted:
        wanted["assignee"] = _member(changes.assignee)
    update_ticket(ticket, wanted, by=caller(request).user, seen=seen)
    return ticket


def _wanted(asked: TicketFilter, *, by: User) -> Wanted:
    assignee = by.pk if asked.assignee == ME else asked.assignee
    return Wanted(
        status=asked.status,
        priority=asked.priority or "",
        assignee=str(assignee or ""),
        text=asked.q,
        # Without words no ticket matches better than others.
        order=Sorted.NEWEST if asked.order is Sorted.BEST and not asked.q else asked.order,
    )


def _member(key: UUID | None) -> User | None:
    """The member to whom a ticket is to be assigned.

    Raises:
        Problem: there is none of this id.
    """
    if key is None:
        return None
    try:
        return User.objects.get(pk=key)
    except User.DoesNotExist:
        wrong = {"where": "body.assignee", "why": "No member has this id."}
        raise Problem(409, errors=[wrong]) from None
