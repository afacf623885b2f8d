"""An operator's own password and second factor."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.safestring import mark_safe
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from console.errors import InvalidOperator, WrongCode
from console.forms import CodeForm, PasswordForm
from console.guard import operator, operators_only
from console.services.factors import (
    begin_device,
    confirm_device,
    make_recovery_codes,
    picture_of,
    recovery_codes_left,
    secret_of,
)
from console.services.operators import set_operator_password
from console.services.sign_in import stay_signed_in


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
        who = operator(request)
        if not who.check_password(form.cleaned_data["old"]):
            form.add_error("old", "This is not your present password.")
        else:
            try:
                set_operator_password(who, form.cleaned_data["new"])
            except InvalidOperator as error:
                form.add_error("new", str(error))
            else:
                stay_signed_in(request.session, who)
                request.session["notice"] = "Your password is changed; other sessions have ended."
                return redirect("console:account")
    return render(request, "console/password.html", {"form": form})


@sensitive_post_parameters("code")
@operators_only
@require_http_methods(["GET", "HEAD", "POST"])
def device(request: HttpRequest) -> HttpResponse:
    """Another device, which must show that it works before it takes the old one's place."""
    who = operator(request)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            confirm_device(who, form.cleaned_data["code"])
        except WrongCode as error:
            form.add_error("code", str(error))
        else:
            request.session["notice"] = "From now on the codes of your new device are asked for."
            return redirect("console:account")
    new = begin_device(who)
    # Made by a library out of a secret of ours: nothing in it was typed by anybody.
    picture = mark_safe(picture_of(new))
    shown = {"form": form, "picture": picture, "secret": secret_of(new)}
    return render(request, "console/device.html", shown)


@operators_only
@require_POST
def recovery_codes(request: HttpRequest) -> HttpResponse:
    """New recovery codes, shown this once."""
    codes = make_recovery_codes(operator(request))
    return render(request, "console/recovery_codes.html", {"codes": codes})
