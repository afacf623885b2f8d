"""Labels of all forms that tenants and visitors see end as they are written."""

from django import forms
from django.template.loader import render_to_string

from accounts.forms import ResetForm
from accounts.plain_labels import PlainLabels
from config import urls, urls_public


def our_forms():
    left = [forms.BaseForm]
    while left:
        kind = left.pop()
        left += kind.__subclasses__()
        if kind.__module__.partition(".")[0] in ("accounts", "workspace", "front"):
            yield kind


def field_of(form):
    return render_to_string("accounts/_field.html", {"field": form["email"]})


def test_no_form_puts_a_colon_after_its_labels():
    assert urls.urlpatterns, "views import their forms"
    assert urls_public.urlpatterns
    found = set(our_forms())

    assert len(found) > 20
    assert [kind.__name__ for kind in found if not issubclass(kind, PlainLabels)] == []
    assert "E-mail address</label>" in field_of(ResetForm())
    # What would be without: a form may still ask for it.
    assert "E-mail address:</label>" in field_of(ResetForm(label_suffix=":"))
