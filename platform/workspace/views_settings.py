"""The settings of a workspace, for its admins; and its logo, for all who come to its host."""

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from accounts.permissions import May, member, needs
from sharding import scope
from tenants.errors import InvalidName
from tenants.files import send_private
from tenants.services.change_name import change_name
from workspace.errors import LogoRefused
from workspace.forms_settings import CountryForm, LogoForm, NameForm, TimeZoneForm
from workspace.models import WorkspaceSettings
from workspace.services.preferences import (
    choose_country,
    choose_logo,
    choose_time_zone,
    preferences,
    remove_logo,
)


@needs(May.MANAGE)
@require_safe
def settings(request: HttpRequest) -> HttpResponse:
    """What is chosen, each with a form of its own."""
    return _page(request)


@needs(May.MANAGE)
@require_POST
def settings_name(request: HttpRequest) -> HttpResponse:
    """Call the workspace something else."""
    form = NameForm(request.POST)
    if form.is_valid():
        # People are told apart by their id: control keeps nobody's address.
        try:
            change_name(
                scope.tenant("A name").tenant_id,
                form.cleaned_data["name"],
                by=f"member:{member(request).pk}",
            )
        except InvalidName as error:
            form.add_error("name", error.why)
        else:
            return redirect("workspace:settings")
    return _page(request, name_form=form)


@needs(May.MANAGE)
@require_POST
def settings_time_zone(request: HttpRequest) -> HttpResponse:
    """Show times in another zone."""
    form = TimeZoneForm(preferences().time_zone, request.POST)
    if form.is_valid():
        choose_time_zone(form.cleaned_data["time_zone"])
        return redirect("workspace:settings")
    return _page(request, time_zone_form=form)


@needs(May.MANAGE)
@require_POST
def settings_country(request: HttpRequest) -> HttpResponse:
    """Say where the workspace is at home."""
    form = CountryForm(preferences().country, request.POST)
    if form.is_valid():
        choose_country(form.cleaned_data["country"])
        return redirect("workspace:settings")
    return _page(request, country_form=form)


@needs(May.MANAGE)
@transaction.non_atomic_requests  # the file is kept or undone with the service's own transaction
@require_POST
def settings_logo(request: HttpRequest) -> HttpResponse:
    """Show another logo, or with `remove` none."""
    if "remove" in request.POST:
        remove_logo()
        return redirect("workspace:settings")
    form = LogoForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            choose_logo(form.cleaned_data["logo"])
        except LogoRefused as error:
            form.add_error("logo", str(error))
        else:
            return redirect("workspace:settings")
    return _page(request, logo_form=form)


@login_not_required
@require_safe
def logo(request: HttpRequest, name: str) -> HttpResponseBase:
    """The logo, by the name of its file; also shown to those who are to sign in."""
    chosen = WorkspaceSettings.objects.filter(logo=f"logos/{name}").first()
    if chosen is None:
        raise Http404
    return send_private(chosen.logo, name="logo.png", inline=True)


def _page(request: HttpRequest, **forms: object) -> HttpResponse:
    chosen = preferences()
    context = {
        "name_form": NameForm(initial={"name": request.tenant.name}),  # type: ignore[attr-defined]
        "time_zone_form": TimeZoneForm(chosen.time_zone),
        "country_form": CountryForm(chosen.country),
        "logo_form": LogoForm(),
        "has_logo": bool(chosen.logo),
        **forms,
    }
    return render(request, "workspace/settings.html", context, status=422 if forms else 200)
