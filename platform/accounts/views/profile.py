"""One's own name, sessions and tokens."""

from uuid import UUID

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from accounts.errors import TooManyTokens
from accounts.forms import ProfileForm, TokenForm
from accounts.models import ApiToken
from accounts.permissions import May, member, needs
from accounts.services.api_tokens import good_tokens, issue_token, revoke_token
from accounts.services.profile import change_profile
from accounts.services.sign_in import end_other_sessions
from accounts.views.answers import back_to


@needs(May.READ)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def profile(request: HttpRequest) -> HttpResponse:
    """Name, time zone, and whether to get mail; a POST changes them."""
    user = member(request)
    form = ProfileForm(request.POST or None, instance=user)
    if request.method == "POST" and form.is_valid():
        change_profile(user)
        return back_to("profile", done="saved")
    # What was typed is in the record already, and the page's head shows its name.
    user.refresh_from_db(fields=["name", "time_zone", "wants_mail"])
    done = request.GET.get("done", "")
    return render(request, "accounts/profile.html", {"form": form, "done": done})


@needs(May.READ)
@require_POST
def sign_out_elsewhere(request: HttpRequest) -> HttpResponse:
    """End all of one's sessions but this one."""
    end_other_sessions(request, member(request), ends_tokens="ends_tokens" in request.POST)
    return back_to("profile", done="signed-out")


@needs(May.READ)
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def api_tokens(request: HttpRequest) -> HttpResponse:
    """One's own tokens; a POST makes one, and its answer is the only page that shows it."""
    user = member(request)
    form, text = TokenForm(request.POST or None), ""
    now = timezone.now()
    if request.method == "POST" and form.is_valid():
        lifetime = form.lifetime
        expires = now + lifetime if lifetime is not None else None
        try:
            _, text = issue_token(user, form.cleaned_data["name"], expires)
        except TooManyTokens as error:
            form.add_error(None, str(error))
        else:
            form = TokenForm()
    # All that work, however old: what is not shown cannot be revoked.
    good = list(good_tokens(user))
    gone = ApiToken.objects.filter(user=user).exclude(pk__in=[token.pk for token in good])
    tokens = [(token, True) for token in good] + [(token, False) for token in gone[:50]]
    context = {"form": form, "text": text, "tokens": tokens, "done": request.GET.get("done", "")}
    return render(request, "accounts/api_tokens.html", context)


@needs(May.READ)
@require_POST
def revoke_api_token(request: HttpRequest, pk: UUID) -> HttpResponse:
    """Let one of one's own tokens work no more."""
    try:
        revoke_token(member(request), pk)
    except ApiToken.DoesNotExist:
        raise Http404 from None
    return back_to("api_tokens", done="revoked")
