"""Sizes and bars as commands, pages and messages show them."""

import pytest

from sharding.figures import UNITS, bar, counted, size_in_words
from sharding.rebalance.services.capacity import bytes_typed


@pytest.mark.parametrize(
    ("size_bytes", "said"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (9_940, "9.9 kB"),
        (9_960, "10 kB"),
        (999_400, "999 kB"),
        (999_600, "1.0 MB"),
        (1_500_000_000, "1.5 GB"),
        (5000 * 10**12, "5000 TB"),
    ],
)
def test_a_size_has_the_unit_that_makes_it_short(size_bytes, said):
    assert size_in_words(size_bytes) == said


def test_what_is_shown_means_the_same_where_it_is_typed():
    for power, unit in enumerate(UNITS):
        assert bytes_typed(f"1{unit}") == 1000**power
    for size_bytes in (1, 836_123, 1_740_000, 98_765_432_100):
        assert bytes_typed(size_in_words(size_bytes)) == pytest.approx(size_bytes, rel=0.05)


@pytest.mark.parametrize(
    ("part", "drawn"),
    [
        (0, "··········   0%"),
        (0.61, "██████····  61%"),
        (1, "██████████ 100%"),
        (1.4, "██████████ 140%"),
    ],
)
def test_a_bar_is_as_long_as_something_is_full_and_no_longer(part, drawn):
    assert bar(part) == drawn


def test_one_of_something_is_not_ones() -> None:
    assert [counted(number, "move") for number in (0, 1, 2, 3400)] == [
        "0 moves",
        "1 move",
        "2 moves",
        "3,400 moves",
    ]
