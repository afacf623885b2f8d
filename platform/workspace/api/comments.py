"""/tickets/{id}/comments: what was said about a ticket."""

from typing import Final

from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from ninja import Router, Status

from workspace.api.auth import caller, reading, writing
from workspace.api.once import once
from workspace.api.outcomes import ANY, CLASHING, OF_A_BODY, OF_ONE, OF_WHAT_IS_ASKED
from workspace.api.problems import ProblemOut
from workspace.api.schemas import (
    CommentIn,
    CommentOut,
    CommentPage,
    IdempotencyKey,
    Limit,
    SeenComment,
)
from workspace.models import Comment, Ticket
from workspace.services.tickets import comment_on

router: Final = Router(tags=["comments"])


@router.get(
    "/tickets/{int:ticket_id}/comments",
    auth=reading,
    response={200: CommentPage, ANY | OF_ONE | OF_WHAT_IS_ASKED: ProblemOut},
    operation_id="list_comments",
    summary="List the comments of a ticket",
)
def list_comments(
    request: HttpRequest, ticket_id: int, after: SeenComment = 0, limit: Limit = 50
) -> dict[str, object]:
    """The oldest first."""
    ticket = get_object_or_404(Ticket.objects.only("pk"), pk=ticket_id)
    # One more than asked for, to see whether there are more.
    found = list(
        ticket.comments.filter(pk__gt=after).select_related("author").order_by("pk")[: limit + 1]
    )
    shown = found[:limit]
    return {"items": shown, "next": shown[-1].pk if len(found) > limit else None}


@router.post(
    "/tickets/{int:ticket_id}/comments",
    auth=writing,
    response={201: CommentOut, ANY | OF_ONE | OF_A_BODY | CLASHING: ProblemOut},
    operation_id="create_comment",
    summary="Comment on a ticket",
)
def create_comment(
    request: HttpRequest,
    ticket_id: int,
    comment: CommentIn,
    idempotency_key: IdempotencyKey = None,
) -> Status[Comment]:
    """Add a comment, whatever the ticket's status."""
    ticket = get_object_or_404(Ticket, pk=ticket_id)
    key = once(
        request,
        idempotency_key,
        lambda: comment_on(ticket, Comment(text=comment.text), by=caller(request).user),
    )
    return Status(201, get_object_or_404(Comment.objects.select_related("author"), pk=key))
