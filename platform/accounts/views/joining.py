"""Accept an invitation."""

from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_http_methods

from accounts.errors import AlreadyMember, LinkNotGood
from accounts.forms import AcceptForm
from accounts.models import User
from accounts.services import invitations
from accounts.services.sign_in import begin_session
from accounts.views.answers import link_not_good


@login_not_required
@never_cache
@sensitive_variables("secret")
@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def accept(request: HttpRequest, pk: UUID, secret: str) -> HttpResponse:
    """Choose a name and a password, and be a member."""
    try:
        invitation = invitations.find_by_link(pk, secret)
        form = AcceptForm(request.POST or None, user=User(email=invitation.email))
        if request.method == "POST" and form.is_valid():
            given = form.cleaned_data
            user = invitations.accept(
                pk, secret, name=given["name"], password=given["new_password"]
            )
            begin_session(request, user)
            return redirect(settings.LOGIN_REDIRECT_URL)
    except LinkNotGood as error:
        return link_not_good(request, error)
    except AlreadyMember:
        return redirect("accounts:sign_in")
    return render(request, "accounts/accept.html", {"form": form, "invitation": invitation})
