"""What may stand in the subject of a mail to strangers."""

import pytest

from tenants.names import looks_like_an_address


@pytest.mark.parametrize(
    "name",
    [
        "see http://x",
        "ftp://x",
        "//x",
        "mailto:x",
        "WWW.x",
        "Win at evil.example",
        "Evil.Example",
        "evil.xn--p1ai",
        "bücher.example",
        "evil\uff0eexample",
        "evil\u3002example",
        "127.0.0.1",
        "a@b",
        "<b>",
    ],
)
def test_what_mail_programs_would_make_a_link_of_is_told(name):
    assert looks_like_an_address(name)


@pytest.mark.parametrize(
    "name",
    [
        "Acme Tools",
        "Ann & O'Hara",
        "J.R. Smith",
        "Dr. Who",
        "Verein e.V.",
        "Support 24/7",
        "Acme: Support",
        "Version 2.10",
        "李小龍",
    ],
)
def test_other_names_are_names(name):
    assert not looks_like_an_address(name)
