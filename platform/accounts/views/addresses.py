"""Change the address with which one signs in."""

from django.contrib.auth.decorators import login_not_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.errors import AlreadyMember, LinkNotGood, TooManyAttempts, WrongCredentials
from accounts.forms import AddressForm
from accounts.permissions import May, member, needs
from accounts.services import addresses
from accounts.views.answers import link_not_good, too_many


@needs(May.READ)
@never_cache
@transaction.non_atomic_requests  # the password is an attempt like one to sign in
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def change(request: HttpRequest) -> HttpResponse:
    """Ask for another address; a link is sent there."""
    form = AddressForm(request.POST or None)
    refused = None
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        try:
            addresses.request_address(
                request, member(request), address=given["email"], password=given["password"]
            )
        except WrongCredentials:
            form.add_error("password", "This is not your password.")
        except TooManyAttempts as error:
            refused = error
            form.add_error(None, str(error))
        else:
            return render(request, "accounts/address_sent.html", {"email": given["email"]})
    response = render(request, "accounts/address_change.html", {"form": form})
    return too_many(response, refused) if refused is not None else response


@login_not_required
@never_cache
@sensitive_variables("token")
@require_http_methods(["GET", "HEAD", "POST"])
def confirm(request: HttpRequest, token: str) -> HttpResponse:
    """Make the change by a link: with a button, since mail programs open links by themselves."""
    taken = False
    try:
        person, email = addresses.read_address_link(token)
        if request.method == "POST":
            try:
                addresses.change_address_by_link(token)
            except AlreadyMember:
                taken = True
            else:
                return render(request, "accounts/address_changed.html", {"email": email})
    except LinkNotGood as error:
        return link_not_good(request, error)
    context = {"person": person, "email": email, "taken": taken}
    return render(request, "accounts/address_confirm.html", context, status=409 if taken else 200)
