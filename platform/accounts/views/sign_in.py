"""Sign in."""

from django.contrib.auth.forms import AuthenticationForm
from django.contrib.auth.views import LoginView
from django.db import transaction
from django.http import HttpResponse, HttpResponseRedirect
from django.utils.decorators import method_decorator

from accounts.forms import SignInForm
from accounts.services.sign_in import begin_session
from accounts.views.answers import too_many


# Attempts stay counted when the request fails.
@method_decorator(transaction.non_atomic_requests, name="dispatch")
class SignInView(LoginView):
    """Sign in to the tenant of this host."""

    form_class = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def form_valid(self, form: AuthenticationForm) -> HttpResponseRedirect:
        """Begin the session, and go where they wanted to be."""
        begin_session(self.request, form.get_user())
        return HttpResponseRedirect(self.get_success_url())

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        """The form again; 429 for those who came too often."""
        response = super().form_invalid(form)
        refused = form.refused if isinstance(form, SignInForm) else None
        return too_many(response, refused) if refused is not None else response
