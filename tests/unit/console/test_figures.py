from datetime import timedelta

import pytest
from django.utils import timezone

from console.templatetags.console import ago, as_facts, as_size, percent_of


def test_a_size_that_nobody_knows_is_a_dash_and_nothing_is_a_size():
    assert [as_size(size) for size in (None, 0, 1_500_000)] == ["–", "0 B", "1.5 MB"]


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
