"""How long a task whose server is away stays away."""

from tenants.put_off import LONGEST_PAUSE_S, pause_before


def test_pauses_double_up_to_a_minute():
    assert [pause_before(times, first_s=5) for times in range(6)] == [5, 10, 20, 40, 60, 60]


def test_no_number_of_times_is_too_many():
    assert pause_before(10_000, first_s=0.5) == LONGEST_PAUSE_S
