"""Host names come into one form, or are refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.errors import InvalidDomain, InvalidHost
from tenants.hosts import normalise_domain, normalise_host


@pytest.mark.parametrize(
    ("header", "host"),
    [
        ("acme.example.com", "acme.example.com"),
        ("ACME.Example.COM", "acme.example.com"),
        ("acme.example.com.", "acme.example.com"),
        ("acme.example.com:8000", "acme.example.com"),
        ("acme.example.com.:8000", "acme.example.com"),
        ("localhost:0", "localhost"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("127.0.0.1:80", "127.0.0.1"),
        ("[::1]", "[::1]"),
        ("[0:0:0:0:0:0:0:1]:8000", "[::1]"),
        ("[2001:DB8::A]", "[2001:db8::a]"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_a_host_header_has_one_form(header, host):
    assert normalise_host(header) == host
    assert normalise_host(host) == host


@pytest.mark.parametrize(
    "header",
    [
        "",
        "acme.localhost:99999",
        "acme.localhost:65536",
        "[::1]:99999",
        ".",
        "..",
        "acme..example.com",
        ".example.com",
        "acme.example.com..",
        "acme.example.com,evil.example.com",
        "acme.example.com, evil.example.com",
        "acme.example.com:80:80",
        "acme.example.com:",
        "acme.example.com:http",
        "acme.example.com:123456",
        "acme.example.com/x",
        "acme.example.com\n",
        "acme\0.example.com",
        "user@acme.example.com",
        "ac me.example.com",
        "acme_x.example.com",
        "-acme.example.com",
        "acme-.example.com",
        "bücher.example",
        "%61cme.example.com",
        "acme'.example.com",
        '"acme".example.com',
        "a" * 64 + ".example",
        "a." * 127 + "aa",
        "x" * 100_000,
        "[::1",
        "::1",
        "[::1]x",
        "[::1]:",
        "[1.2.3.4]",
        "[fe80::1%eth0]",
        "[]",
    ],
)
def test_what_is_no_host_is_refused(header):
    with pytest.raises(InvalidHost) as caught:
        normalise_host(header)
    assert len(str(caught.value)) < 300


@given(st.text(max_size=300))
def test_any_header_is_a_host_or_refused(header):
    try:
        host = normalise_host(header)
    except InvalidHost:
        return
    assert host.isascii()
    assert host == host.lower()
    assert normalise_host(host) == host


@pytest.mark.parametrize(
    ("typed", "domain"),
    [
        ("Acme.Example", "acme.example"),
        (" acme.example. ", "acme.example"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("faß.example", "xn--fa-hia.example"),
        ("例え.example", "xn--r8jz45g.example"),
    ],
)
def test_a_typed_domain_is_stored_as_browsers_send_it(typed, domain):
    assert normalise_domain(typed) == domain
    assert normalise_host(domain) == domain


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "acme",
        "1.2.3.4",
        "::1",
        "[::1]",
        "https://acme.example",
        "acme.example/",
        "acme.example:80",
        "a..example",
        "a b.example",
        "a_b.example",
        "ü" * 300 + ".example",
        "\u200b.example",
        "a'.example",
        "%.example",
        "..",
    ],
)
def test_what_cannot_be_a_domain_is_refused_with_a_reason(typed):
    with pytest.raises(InvalidDomain, match=r"Nothing was changed\.$"):
        normalise_domain(typed)
