"""Labels of forms, as a tenant's pages show them."""

from typing import Any

from django import forms


class PlainLabels(forms.BaseForm):
    """For forms whose labels end as they are written: Django would put a colon after them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{"label_suffix": "", **kwargs})


class PlainForm(PlainLabels, forms.Form):
    """A form with such labels."""
