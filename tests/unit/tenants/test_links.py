import pytest

from sharding import scope
from tenants.links import tenant_url, url_on


def test_a_link_has_the_scheme_and_the_port_of_links(settings):
    settings.ATOLL_LINK_SCHEME = "https"
    settings.ATOLL_LINK_PORT = ""
    assert url_on("acme.example", "/tickets/7/") == "https://acme.example/tickets/7/"
    settings.ATOLL_LINK_SCHEME = "http"
    settings.ATOLL_LINK_PORT = "8000"
    assert url_on("acme.localhost", "/") == "http://acme.localhost:8000/"


@pytest.mark.parametrize("path", ["", "tickets/", "//evil.example/", "@evil.example/"])
def test_what_would_lead_to_another_host_is_refused(path):
    with pytest.raises(ValueError, match="no path from the root"):
        url_on("acme.example", path)


def test_without_a_tenant_there_is_no_host():
    with pytest.raises(scope.NoTenantInScope):
        tenant_url("/")
