"""How far a workspace is, in steps that its future admin understands."""

from typing import Final

from front.models import CONTROL, SignUp
from front.services.making import request_of
from front.states import SignUpState
from front.types import Progress, Step, StepState
from tenants.models import Provisioning
from tenants.states import ProvisionState

_STEPS: Final = (
    "Your e-mail address is confirmed",
    "Your address on the web is reserved",
    "Your own database is built",
    "Your account is added",
    "Your workspace is open",
)
_DONE_AFTER: Final = {
    ProvisionState.CLAIMED: 2,
    ProvisionState.BUILT: 3,
    ProvisionState.SEEDED: 4,
    ProvisionState.DONE: 5,
    ProvisionState.UNDOING: 1,
}


def progress_of(row: SignUp) -> Progress:
    """How far a confirmed sign-up is. Asks control only."""
    state = SignUpState(row.state)
    done = len(_STEPS) if state is SignUpState.READY else _steps_done(row)
    steps = tuple(
        Step(name, _state(number, done, is_running=state is not SignUpState.FAILED))
        for number, name in enumerate(_STEPS)
    )
    return Progress(state=state, steps=steps, try_after=row.try_after)


def journal_of(row: SignUp) -> Provisioning | None:
    """The journal of the tenant that is made for this sign-up; None when nothing was begun."""
    journal = Provisioning.objects.using(CONTROL).filter(tenant__slug=row.slug).first()
    return journal if journal is not None and journal.asked == request_of(row).asked() else None


def _steps_done(row: SignUp) -> int:
    journal = journal_of(row)
    return 1 if journal is None else _DONE_AFTER[ProvisionState(journal.state)]


def _state(number: int, done: int, *, is_running: bool) -> StepState:
    if number < done:
        return StepState.DONE
    return StepState.NOW if number == done and is_running else StepState.LATER
