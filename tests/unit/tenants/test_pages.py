"""What a tenant that is not served shows."""

import re

import pytest
from django.contrib.staticfiles import finders
from django.test import RequestFactory

from tenants import pages
from tenants.serving import Verdict

STATUS = {
    Verdict.SUSPENDED: 403,
    Verdict.GONE: 404,
    Verdict.NOT_READY: 503,
    Verdict.WAIT: 503,
}


@pytest.mark.parametrize(
    "verdict", [verdict for verdict in Verdict if verdict is not Verdict.SERVE], ids=str
)
def test_every_verdict_has_its_page(verdict):
    response = pages.refusal(RequestFactory().get("/"), verdict, "Acme")
    assert response.status_code == STATUS[verdict]


@pytest.mark.parametrize("verdict", [Verdict.SERVE, "new"])
def test_no_page_is_shown_for_a_verdict_that_is_none_of_these(verdict):
    with pytest.raises((ValueError, AssertionError)):
        pages.refusal(RequestFactory().get("/"), verdict, "Acme")


def test_their_sheet_is_there_and_all_else_is_forbidden(settings):
    settings.STATIC_URL = "/styles/"
    page = pages.suspended(RequestFactory().get("/"), "<b>Acme</b>")
    policy = page["Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'self'; frame-ancestors 'none'"
    (sheet,) = re.findall('<link rel="stylesheet" href="/styles/([^"]+)">', page.content.decode())
    assert finders.find(sheet)
    assert b"<b>" not in page.content
