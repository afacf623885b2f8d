"""Forget, set and change a password."""

from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.errors import LinkNotGood, TooManyAttempts, WrongCredentials
from accounts.forms import ChangePasswordForm, PasswordByLinkForm, ResetForm
from accounts.permissions import May, member, needs
from accounts.services import password_links
from accounts.services.passwords import change_password
from accounts.services.sign_in import begin_session
from accounts.views.answers import back_to, link_not_good, too_many
from tenants.visitors import visitor_ip

show_or_send = require_http_methods(["GET", "HEAD", "POST"])


@login_not_required
@never_cache
@transaction.non_atomic_requests  # requests are counted, also those that fail
@show_or_send
def forgotten(request: HttpRequest) -> HttpResponse:
    """Ask for a link. The answer is the same whether or not the address is a member's."""
    form = ResetForm(request.POST or None)
    refused = None
    if request.method == "POST" and form.is_valid():
        try:
            password_links.request_reset(form.cleaned_data["email"], ip=visitor_ip(request))
        except TooManyAttempts as error:
            refused = error
            form.add_error(None, str(error))
        else:
            email = form.cleaned_data["email"]
            return render(request, "accounts/password_sent.html", {"email": email})
    response = render(request, "accounts/password_forgotten.html", {"form": form})
    return too_many(response, refused) if refused is not None else response


@login_not_required
@never_cache
@sensitive_variables("token")
@sensitive_post_parameters()
@show_or_send
def set_by_link(request: HttpRequest, pk: UUID, token: str) -> HttpResponse:
    """Set a password by a link, and be signed in."""
    try:
        user = password_links.find_by_link(pk, token)
        form = PasswordByLinkForm(request.POST or None, user=user)
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            user = password_links.set_password_by_link(
                pk, token, password=given["new_password"], ends_tokens=given["ends_tokens"]
            )
            begin_session(request, user)
            return redirect(settings.LOGIN_REDIRECT_URL)
    except LinkNotGood as error:
        return link_not_good(request, error)
    return render(request, "accounts/password_set.html", {"form": form, "person": user})


@needs(May.READ)
@never_cache
@transaction.non_atomic_requests  # the old password is an attempt like one to sign in
@sensitive_post_parameters()
@show_or_send
def change(request: HttpRequest) -> HttpResponse:
    """Change one's own password."""
    user = member(request)
    form = ChangePasswordForm(request.POST or None, user=user)
    refused = None
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            change_password(request, user, old=given["old_password"], new=given["new_password"])
        except WrongCredentials:
            form.add_error("old_password", "This is not your password so far.")
        except TooManyAttempts as error:
            refused = error
            form.add_error(None, str(error))
        else:
            return back_to("profile", done="password")
    response = render(request, "accounts/password_change.html", {"form": form})
    return too_many(response, refused) if refused is not None else response
