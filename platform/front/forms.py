"""Forms of the public host."""

from django import forms
from django.core.exceptions import ValidationError

from accounts.models import User
from accounts.plain_labels import PlainForm
from front.types import Wish
from tenants.names import NO_ADDRESS, looks_like_an_address
from tenants.services.asking import LONGEST_NAME
from tenants.slugs import LONGEST


class EmailForm(PlainForm):
    """An address, in the form in which accounts keep it."""

    email = forms.EmailField(
        label="Your e-mail address",
        max_length=254,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "inputmode": "email"}),
        error_messages={"required": "Please type your address."},
    )

    def clean_email(self) -> str:
        """The address, normalised."""
        return User.objects.normalize_email(self.cleaned_data["email"])


class SlugForm(PlainForm):
    """A subdomain."""

    slug = forms.CharField(
        label="Address on the web",
        max_length=LONGEST,
        widget=forms.TextInput(
            attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}
        ),
        error_messages={"required": "Please choose an address."},
    )


class SignUpForm(SlugForm, EmailForm):
    """A wish for a workspace."""

    name = forms.CharField(
        label="Name of your team",
        max_length=LONGEST_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "organization"}),
        error_messages={"required": "Please say what your team is called."},
    )

    field_order = ("name", "slug", "email")

    def clean_name(self) -> str:
        """The name; what cannot be shown is refused, as provisioning would."""
        name: str = " ".join(self.cleaned_data["name"].split())
        if not name.isprintable():
            raise ValidationError("The name holds characters that cannot be shown.")
        if looks_like_an_address(name):
            raise ValidationError(NO_ADDRESS)
        return name

    def to_wish(self) -> Wish:
        """What was asked for; of a valid form."""
        data = self.cleaned_data
        return Wish(name=data["name"], slug=data["slug"], email=data["email"])
