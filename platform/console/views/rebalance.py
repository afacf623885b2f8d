"""A rebalance: the plan as a picture, how far it is; say yes, pause, go on, stop."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from console.guard import AGAIN, operators_only
from console.services.flows import picture_of
from sharding.rebalance import ports
from sharding.rebalance.core.copying import CopyBasis
from sharding.rebalance.errors import NoRebalance, RebalanceError
from sharding.rebalance.services import job
from sharding.rebalance.services.planning import look
from sharding.rebalance.services.shown import (
    Progress,
    RebalanceLook,
    plan_of,
    progress_of,
    steps_of,
)
from sharding.rebalance.states import RebalanceState
from tenants.rebalancing import asking
from tenants.rebalancing.telling import basis_words, took

_SHOWN: Final = 100
_STEERS: Final[Mapping[str, tuple[Callable[[int], RebalanceLook], str]]] = {
    "pause": (asking.pause, "begins nothing new; what is under way ends"),
    "resume": (asking.resume, "goes on"),
    "stop": (asking.stop, "ends after the moves that are under way"),
}


@operators_only
@require_safe
def rebalance(request: HttpRequest) -> HttpResponse:
    """The newest one. Its page asks again while it goes on; with scripts, for the news only."""
    known = request.GET.get(AGAIN)
    if known is not None and "HX-Request" in request.headers:
        return _news(request, known)
    return _page(request)


@operators_only
@require_POST
def plan(request: HttpRequest) -> HttpResponse:
    """Plan one; nothing is begun."""
    asked: dict[str, Any] = {}
    made = look(asked)
    if not made.plan.steps:
        request.session["notice"] = "Nothing is to be moved: the shards are as even as they may be."
        return redirect("console:rebalance")
    try:
        job.propose(made, asked)
    except RebalanceError as error:
        return _page(request, str(error))
    return redirect("console:rebalance")


@operators_only
@require_POST
def approve(request: HttpRequest, number: int) -> HttpResponse:
    """Carry out the plan that was looked at."""
    try:
        asking.approve(number, plan_id=request.POST.get("plan", ""))
    except RebalanceError as error:
        return _page(request, str(error))
    request.session["notice"] = f"Rebalance {number} begins."
    return redirect("console:rebalance")


@operators_only
@require_POST
def steer(request: HttpRequest, number: int, how: str) -> HttpResponse:
    """Pause it, go on, or end it."""
    change, told = _STEERS[how]
    try:
        change(number)
    except RebalanceError as error:
        return _page(request, str(error))
    request.session["notice"] = f"Rebalance {number} {told}."
    return redirect("console:rebalance")


def _page(request: HttpRequest, refused: str = "") -> HttpResponse:
    found = _newest()
    shown = {**_progress(found), **_rest(found), "refused": refused}
    return render(request, "console/rebalance.html", shown, status=409 if refused else 200)


def _news(request: HttpRequest, known: str) -> HttpResponse:
    """What may have changed on a page that shows plan `known`; of another plan, all of it."""
    found = _newest()
    shown = _progress(found)
    shown["rest"] = not shown["goes_on"] or shown["again"] != known
    shown |= _rest(found) if shown["rest"] else _moves(found)
    return render(request, "console/rebalance_news.html", shown)


def _newest() -> Progress | None:
    try:
        return progress_of()
    except NoRebalance:
        return None


def _progress(found: Progress | None) -> dict[str, Any]:
    if found is None:
        return {"look": None, "goes_on": False, "again": ""}
    state = RebalanceState(found.state)
    return {
        "look": found,
        "is_live": state.is_live,
        "goes_on": state.is_live and state is not RebalanceState.PROPOSED,
        "again": f"{found.number}.{found.plans}",
        "may_approve": state is RebalanceState.PROPOSED,
        "may_pause": state is RebalanceState.RUNNING,
        "may_resume": state is RebalanceState.PAUSED,
        "may_stop": state.is_live and state is not RebalanceState.STOPPING,
    }


def _rest(found: Progress | None) -> dict[str, Any]:
    """What changes with the plan only, and the moves; reads all of the plan."""
    if found is None:
        return {}
    plan = plan_of(found.number)
    return {
        **_moves(found),
        "plan": plan.get("id", ""),
        "predicted": _predicted(plan),
        "picture": picture_of(plan),
        "left": _left_alone(plan),
    }


def _moves(found: Progress | None) -> dict[str, Any]:
    if found is None:
        return {}
    steps = steps_of(found.number, most=_SHOWN)
    return {"steps": steps, "more": sum(found.states.values()) - len(steps)}


def _predicted(plan: Mapping[str, Any]) -> str:
    """How long the plan's moves would copy, and from where these times are."""
    steps = plan.get("steps", [])
    if not steps:
        return ""
    seconds = plan["summary"]["copy_seconds"]
    # What an earlier release has planned does not say it.
    bases = basis_words(step.get("copy_basis", CopyBasis.ASSUMED) for step in steps)
    return f"{took(seconds)} of copying if one move followed the other ({bases})"


def _left_alone(plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What the plan considered and left, with what people call the tenants."""
    left = plan.get("left", [])[:_SHOWN]
    names = ports.names_of({each["tenant_id"] for each in left if each["tenant_id"]})
    return [{**each, "tenant": names.get(each["tenant_id"], "")} for each in left]
