"""How a drop groups tables, so that no transaction holds too many locks."""

from hypothesis import given
from hypothesis import strategies as st

from sharding.schemas.services.drop_schema import in_batches

weights = st.lists(st.tuples(st.text(min_size=1, max_size=3), st.integers(1, 50)), max_size=60)


@given(weights, st.integers(1, 100))
def test_every_table_is_dropped_once_and_in_order(weighed, limit):
    batches = list(in_batches(weighed, limit))
    assert [name for batch in batches for name in batch] == [name for name, _ in weighed]


@given(weights, st.integers(1, 100))
def test_no_group_is_heavier_than_the_limit_unless_it_is_one_table(weighed, limit):
    left = list(weighed)
    for batch in in_batches(weighed, limit):
        taken, left = left[: len(batch)], left[len(batch) :]
        assert len(batch) == 1 or sum(weight for _, weight in taken) <= limit
