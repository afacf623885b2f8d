"""The page of an error, which is made when anything may be broken."""

import re

from django.contrib.staticfiles import finders
from django.core.exceptions import ImproperlyConfigured
from django.core.files.storage import Storage
from django.template import loader


class Broken(Storage):
    """Static files of which nobody knows the addresses, as without a manifest."""

    def url(self, name):
        raise ImproperlyConfigured(name)


def test_it_has_its_sheet_and_asks_nothing_of_what_may_be_broken(settings):
    settings.STATIC_URL = "/styles/"
    storages = {**settings.STORAGES, "staticfiles": {"BACKEND": f"{__name__}.Broken"}}
    settings.STORAGES = storages

    page = loader.get_template("500.html").render()

    (sheet,) = re.findall('<link rel="stylesheet" href="/styles/([^"]+)">', page)
    assert finders.find(sheet)
    assert "Something went wrong" in page
