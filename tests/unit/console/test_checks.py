import pytest

from console.checks import check_limits


def test_settings_as_they_are_shipped_are_right():
    assert list(check_limits()) == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ATOLL_CONSOLE_IDLE_MINUTES", 0),
        ("ATOLL_CONSOLE_IDLE_MINUTES", "soon"),
        ("ATOLL_CONSOLE_SESSION_HOURS", -1),
        ("ATOLL_CONSOLE_SESSION_HOURS", 1e300),
        ("ATOLL_CONSOLE_FAILURES", 0),
        ("ATOLL_CONSOLE_FAILURES", None),
        ("ATOLL_CONSOLE_LOCKED_MINUTES", float("nan")),
        ("ATOLL_CONSOLE_PATIENCE_SECONDS", 0),
        ("ATOLL_CONSOLE_SIZES_SECONDS", "x"),
    ],
)
def test_a_setting_that_lets_nobody_in_or_waits_for_ever_is_told(name, value, settings):
    setattr(settings, name, value)
    (error,) = check_limits()
    assert error.id == "console.E001"
    assert name in error.msg
    assert error.hint
