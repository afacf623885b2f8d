"""Forms of a workspace's settings."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.db.models import Q

from accounts.plain_labels import PlainForm
from tenants.catalog.models import Country
from workspace.logo import LARGEST_LOGO


class NameForm(PlainForm):
    """What people call the workspace."""

    name = forms.CharField(label="Name", max_length=150)


class TimeZoneForm(PlainForm):
    """In which zone times are shown."""

    time_zone = forms.ChoiceField(label="Time zone")

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["time_zone"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = _zones()


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


def _zones() -> list[tuple[str, list[tuple[str, str]]]]:
    """Zones by continent; without the names that are kept for old programs only."""
    places = sorted(name for name in available_timezones() if "/" in name)
    named = [name for name in places if not name.startswith(("Etc/", "US/", "SystemV/", "posix/"))]
    groups = groupby(named, key=lambda name: name.partition("/")[0])
    by_continent = [
        (continent, [(name, name.partition("/")[2].replace("_", " ")) for name in names])
        for continent, names in groups
    ]
    return [("Everywhere", [("UTC", "UTC")]), *by_continent]
