from datetime import timedelta

import pytest
from django.utils import timezone

from console.templatetags.console import ago, as_facts, as_size, percent_of


@pytest.mark.parametrize(
    ("size", "said"),
    [
        (None, "–"),
        (0, "0 B"),
        (1023, "1023 B"),
        (1024, "1.0 kB"),
        (10 * 1024, "10 kB"),
        (1536 * 1024**2, "1.5 GB"),
        (5000 * 1024**4, "5000 TB"),
    ],
)
def test_a_size_has_the_unit_that_makes_it_short(size, said):
    assert as_size(size) == said


@pytest.mark.parametrize(
    ("part", "whole", "width"),
    [
        (0, 10, "0"),
        (None, 10, "0"),
        (1, 0, "0"),
        (1, 10**6, "0.8"),
        (5, 10, "50.0"),
        (11, 10, "100.0"),
    ],
)
def test_a_bar_shows_what_is_there_and_never_leaves_its_place(part, whole, width):
    assert percent_of(part, whole) == width


def test_facts_are_told_on_one_line():
    facts = {"state": "active", "name": "", "codes": 10, "hosts": ["a"]}
    assert as_facts(facts) == 'state: active, name: –, codes: 10, hosts: ["a"]'
    assert as_facts({}) == ""


def test_a_moment_ago_is_told_in_seconds():
    now = timezone.now()
    assert ago(now - timedelta(seconds=12)) == "12 s ago"
    assert ago(now - timedelta(minutes=5)) == "5\xa0minutes ago"
