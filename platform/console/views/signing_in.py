"""Signing in and out."""

from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.shortcuts import redirect, render
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from console.errors import SignInExpired, SignInRefused, WrongCode
from console.forms import CodeForm, SignInForm
from console.guard import open_to_strangers, operator, operators_only
from console.services.factors import recovery_codes_left
from console.services.sign_in import give_code, give_password, sign_out, waiting_for_code
from tenants.visitors import visitor_ip


@sensitive_post_parameters("password")
@open_to_strangers
@require_http_methods(["GET", "HEAD", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for address and password."""
    if request.user.is_authenticated:
        return redirect(_next(request))
    form = SignInForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            give_password(request.session, **form.cleaned_data, ip=visitor_ip(request))
        except SignInRefused as error:
            form.add_error(None, str(error))
        else:
            request.session["next"] = _next(request)
            rotate_token(request)
            return redirect("console:code")
    return render(request, "console/sign_in.html", {"form": form})


@sensitive_post_parameters("code")
@open_to_strangers
@require_http_methods(["GET", "HEAD", "POST"])
def code(request: HttpRequest) -> HttpResponse:
    """Ask for a code of whoever has given the right password."""
    form = CodeForm(request.POST or None)
    try:
        waiting_for_code(request.session)
        if request.method == "POST" and form.is_valid():
            typed, ip = form.cleaned_data["code"], visitor_ip(request)
            who = give_code(request.session, typed, ip=ip)
            rotate_token(request)
            if not recovery_codes_left(who):
                request.session.setdefault("notice", _NO_CODES)
            return redirect(request.session.pop("next", "/"))
    except SignInExpired:
        return redirect("console:sign_in")
    except (SignInRefused, WrongCode) as error:
        form.add_error("code", str(error))
    return render(request, "console/code.html", {"form": form})


@operators_only
@require_POST
def leave(request: HttpRequest) -> HttpResponse:
    """End the session."""
    sign_out(request.session, operator(request))
    return redirect("console:sign_in")


def _next(request: HttpRequest) -> str:
    wanted = str(request.GET.get("next", ""))
    same_host = url_has_allowed_host_and_scheme(wanted, allowed_hosts=None)
    return wanted if same_host and wanted.startswith("/") else "/"


_NO_CODES = "You have no recovery codes: make some now, before the device with your codes is lost."
