"""Forms of a tenant's people."""

from django import forms
from django.contrib.auth.forms import AuthenticationForm, UsernameField


class SignInForm(AuthenticationForm):
    """E-mail address and password."""

    username = UsernameField(
        label="E-mail address",
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )
    # Says the same for an unknown address and for a wrong password: neither tells who is a member.
    error_messages = {
        "invalid_login": "This address and password do not go together.",
        "inactive": "This account is not active. Ask an admin of your workspace.",
    }
