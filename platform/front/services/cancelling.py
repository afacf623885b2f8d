"""Take a sign-up back, as an operator."""

from uuid import UUID

from front.models import SignUp
from front.services.advancing import advance, check_transition, in_control, lock_sign_up
from front.services.progress import journal_of
from front.states import SignUpState


def cancel_sign_up(sign_up: UUID, *, dry_run: bool = False) -> tuple[SignUp, bool]:
    """Let a sign-up that nobody is working on expire; its slug is free again.

    Returns the sign-up, and whether half a tenant is left of it, which then keeps the slug:
    `create_tenant SLUG --undo` takes that back.

    dry_run: only look.

    Locks: the sign-up's row.
    Transaction: opens its own on control.
    Idempotent.

    Raises:
        UnknownSignUp: there is none.
        WrongSignUpState: a task is making it, or it is ready; nothing was changed.
    """
    with in_control():
        row = lock_sign_up(sign_up)
        is_half_made = journal_of(row) is not None
        if row.state != SignUpState.EXPIRED:
            check_transition(row, SignUpState.EXPIRED)
            if not dry_run:
                row = advance(row, SignUpState.EXPIRED, by="", try_after=None)
    return row, is_half_made
