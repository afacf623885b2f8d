"""Shards: how full they are, what the processes hold of them; hold one, release it."""

from collections.abc import Callable

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from console.forms import HoldForm
from console.guard import operators_only
from console.services.shards import look_at_shards
from sharding.placements.errors import HoldNeedsReason, NoSuchShard
from sharding.placements.services.holding import Holding, hold_shard, release_shard


@operators_only
@require_safe
def shards(request: HttpRequest) -> HttpResponse:
    """All shards, and how full they are."""
    return _page(request)


@operators_only
@require_POST
def hold(request: HttpRequest, name: str) -> HttpResponse:
    """Have every process refuse the shard, for maintenance."""
    form = HoldForm(request.POST, shard=name)
    if form.is_valid():
        try:
            return _done(request, lambda: hold_shard(name, reason=form.cleaned_data["reason"]))
        except HoldNeedsReason as error:
            form.add_error("reason", str(error))
    return _page(request, form)


@operators_only
@require_POST
def release(request: HttpRequest, name: str) -> HttpResponse:
    """Let it serve again."""
    return _done(request, lambda: release_shard(name))


def _done(request: HttpRequest, change: Callable[[], Holding]) -> HttpResponse:
    try:
        done = change()
    except NoSuchShard as error:
        raise Http404 from error
    told = "is held" if done.after else "is released"
    request.session["notice"] = f"{done.shard} {told}; processes hear of it within seconds."
    return redirect("console:shards")


def _page(request: HttpRequest, refused: HoldForm | None = None) -> HttpResponse:
    looks = look_at_shards()
    largest = max((look.bytes or 0 for look in looks), default=0)
    # Each card has its own form; the one that was not taken is shown with what is wrong.
    forms = {look.name: HoldForm(shard=look.name) for look in looks}
    if refused is not None:
        if refused.shard not in forms:
            raise Http404
        forms[refused.shard] = refused
    cards = [(look, forms[look.name]) for look in looks]
    shown = {"cards": cards, "largest": largest}
    return render(request, "console/shards.html", shown, status=200 if refused is None else 400)
