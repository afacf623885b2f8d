"""Sign-in."""

from django.contrib.auth.views import LoginView

from accounts.forms import SignInForm


class SignInView(LoginView):
    """Sign in to the tenant of this host."""

    form_class = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True
