"""Every setting of the reference has a check: whatever cannot be meant is told, by its name."""

import re

import pytest
from django.core.checks import run_checks
from django.core.checks.registry import registry
from django.test import override_settings

from config import env
from routers.homes import forget_homes

PAGE = (env.ROOT / "docs" / "reference" / "settings.md").read_text("utf-8")
OURS = PAGE.partition("## Django settings of ours")[2].partition("\n## ")[0]
DEFAULTS = dict(re.findall(r"^\| `(\w+)` \| (?:`([^`]*)` \| )?", OURS, re.MULTILINE))
NUMBERS = [name for name, default in DEFAULTS.items() if re.fullmatch(r"[0-9.]+", default)]
OF_SETTINGS = [
    # Without Django's own, which look at every model each time.
    check
    for check in registry.get_checks(include_deployment_checks=True)
    if not check.__module__.startswith("django.")
]
NONE_IS_MEANT = {
    ("ATOLL_SLUG_QUARANTINE_DAYS", 0),
    ("ATOLL_DELETION_GRACE_DAYS", 0),
    ("ATOLL_SPARES", 0),
    ("ATOLL_REBALANCE_ENTER", 0),
    ("ATOLL_REBALANCE_LEAVE", 0),
    ("ATOLL_REBALANCE_FLOOR", 0),
    ("ATOLL_REBALANCE_COOLDOWN_DAYS", 0),
}
"""A slug need not rest at all, nor what was deleted; nor need schemas be made ahead, nor shards be
left a little uneven, nor tenants where they were just moved to."""


@pytest.fixture(autouse=True)
def homes():
    forget_homes()
    yield
    forget_homes()


def told(name, value):
    """What the checks say about a setting."""
    with override_settings(**{name: value}):
        found = [message for check in OF_SETTINGS for message in check(app_configs=None)]
    return [message for message in found if re.search(rf"\b{name}\b", message.msg)]


def test_the_reference_was_read():
    assert len(DEFAULTS) > 40
    assert len(NUMBERS) > 25
    assert DEFAULTS["ATOLL_SIGN_INS_PER_ADDRESS"] == "10"
    assert "TENANT_MODEL" in DEFAULTS


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_what_makes_no_sense_is_told_with_an_id_and_a_hint(name):
    messages = told(name, {"no": ["such value"]})
    assert messages
    assert all(message.id and message.hint for message in messages)
    assert any(message.is_serious() for message in messages)


@pytest.mark.parametrize("name", NUMBERS)
@pytest.mark.parametrize("value", [0, -1, "ten", None, True, float("nan"), 1e300], ids=str)
def test_a_number_that_cannot_be_meant_is_told_once(name, value):
    if (name, value) in NONE_IS_MEANT:
        assert told(name, value) == []
        return
    (message,) = told(name, value)
    assert message.hint


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_what_is_shipped_is_not_told(name):
    """The negative control: not every run finds what is looked for here."""
    assert [message for message in run_checks() if name in message.msg] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ATOLL_PUBLIC_HOSTS", "example.org"),
        ("TENANT_PROVISION_STEPS", "accounts.provision.first_admin"),
        ("ATOLL_PROCESS_ROWS", "False"),
        ("ATOLL_BEHIND_PROXY", "no"),
        ("ATOLL_LINK_SCHEME", "ftp"),
        ("ATOLL_LINK_PORT", "http"),
        ("ATOLL_LINK_PORT", 70_000),
        ("ATOLL_POOL", {"max_size": 0}),
        ("ATOLL_POOL", {"timeout": "soon"}),
        ("ATOLL_HOMES", {"auth": "tenents"}),
        ("ATOLL_HOMES", []),
        ("TENANT_MODEL", "customers.Client"),
        ("ATOLL_LEFT_BEHIND", ["workspace.Tiket"]),
        ("TENANT_ARRIVAL_STEPS", ["accounts.nowhere"]),
        ("ATOLL_IMAGE_EXPRESSIONS", {"a.b": 3}),
        ("ATOLL_SIGN_INS_PER_IP", 2.5),
        ("ATOLL_INVITATION_DAYS", 40_000),
    ],
)
def test_what_only_looks_right_is_told(name, value):
    assert told(name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ATOLL_LINK_PORT", 8000),
        ("ATOLL_LINK_PORT", "8000"),
        ("ATOLL_SIGN_INS_PER_IP", "250"),
        ("ATOLL_CONSOLE_PATIENCE_SECONDS", 0.25),
        ("ATOLL_POOL", {"max_size": 4, "timeout": 2}),
        ("ATOLL_POOL", None),
        ("ATOLL_PUBLIC_HOSTS", {"example.org"}),
    ],
)
def test_what_can_be_meant_is_not_told(name, value):
    assert told(name, value) == []


def test_all_that_is_wrong_is_told_at_once():
    with override_settings(
        ATOLL_SESSION_IDLE_HOURS=0, ATOLL_REQUEST_SECONDS="soon", ATOLL_RESETS_PER_ADDRESS=-3
    ):
        messages = "\n".join(message.msg for message in run_checks())
    for name in ("ATOLL_SESSION_IDLE_HOURS", "ATOLL_REQUEST_SECONDS", "ATOLL_RESETS_PER_ADDRESS"):
        assert f"{name} is " in messages
