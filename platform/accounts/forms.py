"""Forms of a tenant's people. They say what is well formed; services say what is allowed."""

import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth.forms import AuthenticationForm, UsernameField
from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from accounts.errors import TooManyAttempts, WrongCredentials
from accounts.models import User
from accounts.plain_labels import PlainForm, PlainLabels
from accounts.services.sign_in import identify
from accounts.zones import zones_offered
from tenants.names import NO_ADDRESS, looks_like_an_address

if TYPE_CHECKING:
    OfUser = forms.ModelForm[User]
else:  # generic in the stubs only
    OfUser = forms.ModelForm

MOST_ADDRESSES: Final = 50
"""People who can be invited with one form."""


def check_is_name(name: str) -> None:
    """Refuse what mail programs would make a link of: names stand in mails to strangers.

    Raises:
        ValidationError: it looks like an address.
    """
    if looks_like_an_address(name):
        raise ValidationError(NO_ADDRESS)


_SEPARATORS: Final = re.compile(r"[\s,;]+")


class SignInForm(PlainLabels, AuthenticationForm):
    """E-mail address and password.

    Attributes:
        refused: why nobody looked at them, if they came too often.
    """

    username = UsernameField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )
    refused: TooManyAttempts | None = None

    def clean(self) -> dict[str, Any]:
        """Find out who it is."""
        email, password = self.cleaned_data.get("username"), self.cleaned_data.get("password")
        if self.request is not None and email and password:
            try:
                self.user_cache = identify(self.request, email=email, password=password)
            except TooManyAttempts as error:
                self.refused = error
                raise ValidationError(str(error), code=error.code) from error
            except WrongCredentials as error:
                raise ValidationError(str(error), code=error.code) from error
        return self.cleaned_data


class NewPasswordForm(PlainForm):
    """A new password, typed once: it can be shown, and a link by mail mends a slip."""

    new_password = forms.CharField(
        label="New password",
        strip=False,
        max_length=1000,
        help_text="At least 8 characters. A few words that nobody would guess are best.",
        widget=forms.PasswordInput(attrs={"autocomplete": "new-password"}),
    )

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.user = user

    def clean_new_password(self) -> str:
        """Refuse what is easy to guess."""
        password: str = self.cleaned_data["new_password"]
        password_validation.validate_password(password, self.user)
        return password


class PasswordByLinkForm(NewPasswordForm):
    """A new password; whoever may have known the old one may have made tokens too."""

    ends_tokens = forms.BooleanField(
        label="Also revoke all my API tokens", required=False, initial=True
    )


class ChangePasswordForm(NewPasswordForm):
    """A new password, and the old one to show that it is you."""

    old_password = forms.CharField(
        label="Your password so far",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    field_order = ("old_password", "new_password")


class ResetForm(PlainForm):
    """Where to send a link."""

    email = forms.EmailField(
        label="E-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "username"}),
    )


class AddressForm(PlainForm):
    """Another address, and the password to show that it is you."""

    email = forms.EmailField(
        label="New e-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autofocus": True, "autocomplete": "email"}),
    )
    password = forms.CharField(
        label="Your password",
        strip=False,
        max_length=1000,
        widget=forms.PasswordInput(attrs={"autocomplete": "current-password"}),
    )


class ProfileForm(PlainLabels, OfUser):
    """What a member says about themself."""

    time_zone = forms.ChoiceField(required=False)

    class Meta:
        model = User
        fields = ["name", "time_zone", "wants_mail"]
        widgets = {"name": forms.TextInput(attrs={"autocomplete": "name"})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].validators.append(check_is_name)
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        offered = zones_offered(chosen=self.instance.time_zone)
        field.choices = [("", "That of the workspace"), *offered]


class InviteForm(PlainForm):
    """Whom to invite, and what they may do."""

    addresses = forms.CharField(
        label="E-mail addresses",
        max_length=10_000,
        help_text="One or several, each on a line of its own or with commas between.",
        widget=forms.Textarea(attrs={"rows": 3, "autocomplete": "off", "spellcheck": "false"}),
    )
    role = forms.ChoiceField(choices=User.Role, initial=User.Role.AGENT)

    def clean_addresses(self) -> list[str]:
        """The addresses, each well formed."""
        typed = [each for each in _SEPARATORS.split(self.cleaned_data["addresses"]) if each]
        if not typed:
            raise ValidationError("Write at least one address.")
        if len(typed) > MOST_ADDRESSES:
            raise ValidationError(f"At most {MOST_ADDRESSES} addresses at once.")
        for each in typed:
            try:
                validate_email(each)
            except ValidationError as error:
                raise ValidationError(f"{each[:100]} is not an e-mail address.") from error
        return typed


class RoleForm(PlainForm):
    """Another role for a member."""

    role = forms.ChoiceField(choices=User.Role)


class AcceptForm(NewPasswordForm):
    """Name and password of somebody who joins."""

    name = forms.CharField(
        label="Your name",
        max_length=150,
        validators=[check_is_name],
        widget=forms.TextInput(attrs={"autocomplete": "name", "autofocus": True}),
    )
    field_order = ("name", "new_password")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password"].label = "Choose a password"


class TokenForm(PlainForm):
    """A token for a program."""

    name = forms.CharField(
        label="What is it for?",
        max_length=100,
        widget=forms.TextInput(attrs={"autocomplete": "off"}),
    )
    days = forms.TypedChoiceField(
        label="Expires",
        coerce=int,
        initial=90,
        choices=[(30, "in 30 days"), (90, "in 90 days"), (365, "in a year"), (0, "never")],
    )

    @property
    def lifetime(self) -> timedelta | None:
        """How long the token is to be good; None is for ever."""
        days: int = self.cleaned_data["days"]
        return timedelta(days=days) if days else None
