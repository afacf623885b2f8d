"""An operator's own password and second factor."""

from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_safe

from console.errors import InvalidOperator, SignInExpired, SignInRefused, WrongCode
from console.forms import BothFactorsForm, CodeForm, PasswordForm
from console.guard import operator, operators_only
from console.services.factors import picture_of, recovery_codes_left, secret_of
from console.services.own_account import (
    change_password,
    finish_device,
    renew_recovery_codes,
    start_device,
    started_device,
)
from console.services.sign_in import BothFactors
from tenants.visitors import visitor_ip


@operators_only
@require_safe
def account(request: HttpRequest) -> HttpResponse:
    """What an operator can change about signing in."""
    left = recovery_codes_left(operator(request))
    return render(request, "console/account.html", {"codes_left": left})


@sensitive_post_parameters()
@operators_only
@require_http_methods(["GET", "HEAD", "POST"])
def password(request: HttpRequest) -> HttpResponse:
    """Another password."""
    form = PasswordForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        new = form.cleaned_data["new"]
        try:
            change_password(request.session, operator(request), new, _shown(request, form))
        except InvalidOperator as error:
            form.add_error("new", str(error))
        except (SignInRefused, WrongCode) as error:
            _refuse(form, error)
        else:
            request.session["notice"] = "Your password is changed; other sessions have ended."
            return redirect("console:account")
    return render(request, "console/password.html", {"form": form})


@sensitive_post_parameters()
@operators_only
@require_http_methods(["GET", "HEAD", "POST"])
def device(request: HttpRequest) -> HttpResponse:
    """The way to another device: both factors that are good now."""
    form = BothFactorsForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            start_device(request.session, operator(request), _shown(request, form))
        except (SignInRefused, WrongCode) as error:
            _refuse(form, error)
        else:
            return redirect("console:new_device")
    return render(request, "console/device.html", {"form": form})


@sensitive_post_parameters()
@operators_only
@require_http_methods(["GET", "HEAD", "POST"])
def new_device(request: HttpRequest) -> HttpResponse:
    """Another device, which must show that it works before it takes the old one's place."""
    who = operator(request)
    form = CodeForm(request.POST or None)
    try:
        new = started_device(request.session, who)
        if request.method == "POST" and form.is_valid():
            finish_device(request.session, who, form.cleaned_data["code"])
            request.session["notice"] = (
                "From now on the codes of your new device are asked for; other sessions have ended."
            )
            return redirect("console:account")
    except SignInExpired:
        return redirect("console:device")
    except WrongCode as error:
        form.add_error("code", str(error))
    # Made by a library out of a secret of ours: nothing in it was typed by anybody.
    picture = mark_safe(picture_of(new))
    shown = {"form": form, "picture": picture, "secret": secret_of(new)}
    return render(request, "console/new_device.html", shown)


@sensitive_post_parameters()
@operators_only
@require_http_methods(["GET", "HEAD", "POST"])
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes, shown this once."""
    form = BothFactorsForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            codes = renew_recovery_codes(request.session, operator(request), _shown(request, form))
        except (SignInRefused, WrongCode) as error:
            _refuse(form, error)
        else:
            return render(request, "console/recovery_codes.html", {"codes": codes})
    return render(request, "console/new_recovery_codes.html", {"form": form})


def _shown(request: HttpRequest, form: Form) -> BothFactors:
    typed = form.cleaned_data
    return BothFactors(typed["password"], typed["code"], visitor_ip(request))


def _refuse(form: Form, error: SignInRefused | WrongCode) -> None:
    form.add_error("code" if isinstance(error, WrongCode) else "password", str(error))
