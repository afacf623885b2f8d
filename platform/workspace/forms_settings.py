"""Forms of a workspace's settings."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.db.models import Q

from accounts.plain_labels import PlainForm
from accounts.zones import zones_offered
from tenants.catalog.models import Country
from workspace.logo import LARGEST_LOGO


class NameForm(PlainForm):
    """What people call the workspace."""

    name = forms.CharField(label="Name", max_length=150)


class TimeZoneForm(PlainForm):
    """In which zone times are shown."""

    time_zone = forms.ChoiceField(label="Time zone")

    def __init__(self, chosen: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial={"time_zone": chosen})
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = zones_offered(chosen=chosen)


class CountryForm(PlainForm):
    """Where the workspace is at home. One that is retired is offered only where it is chosen."""

    country = forms.ModelChoiceField(
        queryset=Country.objects.none(), required=False, empty_label="Not said"
    )

    def __init__(self, chosen: str, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, initial={"country": chosen})
        field = self.fields["country"]
        assert isinstance(field, forms.ModelChoiceField)
        field.queryset = Country.objects.filter(Q(retired=False) | Q(code=chosen))


class LogoForm(PlainForm):
    """A picture to be made a logo of."""

    logo = forms.FileField(
        label="Picture",
        help_text=f"PNG, JPEG, GIF or WebP, at most {LARGEST_LOGO // 2**20} MB. "
        "Members see it on every page, and everybody on the page for signing in.",
        widget=forms.FileInput(attrs={"accept": "image/png,image/jpeg,image/gif,image/webp"}),
    )
