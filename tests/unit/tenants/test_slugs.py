"""What can be a slug."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tenants.errors import InvalidSlug
from tenants.hosts import normalise_host
from tenants.slugs import LONGEST, RESERVED, check_slug


@pytest.mark.parametrize("slug", ["a", "acme", "acme-2", "a1", "x" * LONGEST, "north-west-7"])
def test_plain_words_are_slugs(slug):
    check_slug(slug)


@pytest.mark.parametrize(
    ("slug", "why"),
    [
        ("", "empty"),
        ("x" * (LONGEST + 1), f"{LONGEST + 1} bytes long"),
        # Few characters, many bytes.
        ("é" * 30, "60 bytes long"),
        ("é", "characters other than"),
        ("аcme", "characters other than"),  # the first letter is Cyrillic
        ("Acme", "capital letters"),
        ("..", "is a letter, then"),
        ("a.b", "is a letter, then"),
        ("../../etc", "is a letter, then"),
        ("a'b", "is a letter, then"),
        ('a"b', "is a letter, then"),
        ("a%b", "is a letter, then"),
        ("a%%s", "is a letter, then"),
        ("a b", "is a letter, then"),
        ("a\n", "is a letter, then"),
        ("a\0", "is a letter, then"),
        ("a_b", "is a letter, then"),
        ("-a", "is a letter, then"),
        ("a-", "is a letter, then"),
        ("1a", "is a letter, then"),
        ("xn--bcher-kva", "two hyphens"),
        ("\udcff", "characters other than"),
        ("www", "reserved"),
        ("public", "reserved"),
    ],
)
def test_what_cannot_be_a_slug_is_refused_with_the_reason(slug, why):
    with pytest.raises(InvalidSlug, match=why):
        check_slug(slug)


@pytest.mark.parametrize("slug", sorted(RESERVED))
def test_reserved_words_are_refused(slug):
    with pytest.raises(InvalidSlug):
        check_slug(slug)


@given(st.text(max_size=80))
def test_every_slug_is_a_label_of_a_host(slug):
    try:
        check_slug(slug)
    except InvalidSlug:
        return
    assert normalise_host(f"{slug}.example.com") == f"{slug}.example.com"
