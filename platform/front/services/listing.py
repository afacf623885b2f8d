"""Sign-ups, for operators."""

from front.models import CONTROL, SignUp
from front.states import SignUpState
from front.types import SignUpLine


def list_sign_ups(*, state: str = "", most: int = 100) -> list[SignUpLine]:
    """The newest sign-ups, the newest first; only those in one state, if told. Asks control."""
    rows = SignUp.objects.using(CONTROL).order_by("-asked_at")
    if state:
        rows = rows.filter(state=state)
    return [
        SignUpLine(
            id=str(row.pk),
            state=SignUpState(row.state),
            slug=row.slug,
            name=row.name,
            email=row.email,
            tenant_id=row.tenant_id,
            tries=row.tries,
            asked_at=row.asked_at,
            changed_at=row.changed_at,
            try_after=row.try_after,
            last_error=row.last_error,
        )
        for row in rows[:most]
    ]
