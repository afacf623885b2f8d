"""`manage.py check --deploy` in production: clean when all is right, and each mistake is told."""

import os
import re
import secrets
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env

GOOD = {
    "DJANGO_SETTINGS_MODULE": "config.settings.prod",
    "ATOLL_SECRET_KEY": secrets.token_urlsafe(50),
    "ATOLL_REDIS_URL": "redis://:word@10.0.0.5:6379/0",
    "ATOLL_BASE_DOMAIN": "example.org",
    "ATOLL_BEHIND_PROXY": "true",
    "ATOLL_ACCEL_PREFIX": "/_files/",
    "ATOLL_METRICS_BIND": "127.0.0.1:9101",
    "ATOLL_MAIL_URL": "smtp+tls://user:word@mail.example.org:587",
}

REGISTRY = """
version = 1
[control]
direct = {host = "127.0.0.1", port = 1, dbname = "control"}
web = {user = "web", password = "word"}
own = {user = "own", password = "word"}
"""


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """An environment in which nothing is wrong."""
    folder = tmp_path_factory.mktemp("deployed")
    registry = folder / "registry.toml"
    registry.write_text(REGISTRY)
    registry.chmod(0o600)
    (folder / "files").mkdir()
    made = {
        **GOOD,
        "ATOLL_REGISTRY": str(registry),
        "ATOLL_FILES_ROOT": str(folder / "files"),
        "ATOLL_STATIC_ROOT": str(folder / "static"),
    }
    collected = manage(made, "collectstatic", "--no-input", "--verbosity", "0")
    assert collected.returncode == 0, collected.stderr
    assert collected.stderr == ""
    return made


def manage(environment, *arguments):
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ATOLL_")}
    return subprocess.run(
        (sys.executable, "manage.py", *arguments),
        cwd=env.ROOT,
        env={**kept, **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def check(environment):
    return manage(environment, "check", "--deploy", "--fail-level", "WARNING")


def test_nothing_is_found_where_nothing_is_wrong(good):
    ended = check(good)
    assert ended.returncode == 0, ended.stderr
    assert "no issues" in ended.stdout


EVERYTHING_WRONG = {
    "ATOLL_BROKER_URL": "redis://10.0.0.5/0",
    "ATOLL_ACCEL_PREFIX": "_files",
    "ATOLL_BEHIND_PROXY": "false",
    "ATOLL_FILES_ROOT": "/no/such/folder",
    "ATOLL_STATIC_ROOT": "/no/such/styles",
    "ATOLL_MAIL_URL": "smtp://localhost:25",
    "ATOLL_THREADS": "9",
    "ATOLL_LOG_LEVEL": "DEBUG",
    "ATOLL_SECRET_KEY": "short",
}


@pytest.mark.parametrize(
    ("changes", "found"),
    [
        (
            EVERYTHING_WRONG,
            [
                f"config.{name}"
                for name in ["E001", "E002", "W006", "E007", "E008", "W009", "W011", "W012"]
            ]
            + ["security.W009"],
        ),
        (
            {"ATOLL_BASE_DOMAIN": "localhost", "ATOLL_HTTPS": "false"},
            ["config.E003", "config.W004"]
            + [f"security.{name}" for name in ["W004", "W008", "W012", "W016"]],
        ),
        ({"ATOLL_THREADS": "9", "ATOLL_POOL_SIZE": "9"}, []),
        ({"ATOLL_MAIL_FOLDER": "/var/mail"}, ["front.E001"]),
    ],
    ids=["all but", "plain http", "pool as large", "mail shown"],
)
def test_each_mistake_is_told_by_its_id_and_nothing_else(good, changes, found):
    ended = check({**good, **changes})
    told = set(re.findall(r"\(((?:config|security|front)\.[EW]\d+)\)", ended.stderr))
    assert told == set(found), ended.stderr
    assert (ended.returncode != 0) or not found


@pytest.mark.parametrize(
    ("mode", "found"), [(0o644, True), (0o640, False), (0o660, True), (0o600, False)]
)
def test_a_registry_that_everybody_may_read_is_told(mode, found, tmp_path, monkeypatch):
    from config.checks import check_deployment

    registry = tmp_path / "registry.toml"
    registry.touch(mode)
    registry.chmod(mode)
    monkeypatch.setenv("ATOLL_REGISTRY", str(registry))
    assert ("config.W010" in {each.id for each in check_deployment()}) == found


def test_a_header_that_would_choose_the_tenant_is_told(settings):
    from config.checks import check_deployment

    assert "config.W005" not in {found.id for found in check_deployment()}
    settings.USE_X_FORWARDED_HOST = True
    assert "config.W005" in {found.id for found in check_deployment()}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ATOLL_METRICS_BIND", "9101"),
        ("ATOLL_METRICS_BIND", "127.0.0.1:"),
        ("ATOLL_METRICS_BIND", "http://127.0.0.1:9101"),
        ("ATOLL_LOG_FORMAT", "xml"),
        ("ATOLL_LOG_LEVEL", "LOUD"),
        ("ATOLL_HTTPS", "ture"),
        ("ATOLL_BEHIND_PROXY", "perhaps"),
        ("ATOLL_POOL_SIZE", "eight"),
        ("ATOLL_POOL_SIZE", "-1"),
        ("ATOLL_HSTS_SECONDS", "1h"),
        ("ATOLL_HSTS_SECONDS", "99999999999"),
    ],
)
def test_what_cannot_be_meant_stops_the_start_with_the_name_of_the_variable(
    name, value, monkeypatch
):
    monkeypatch.setenv(name, value)
    with pytest.raises(ImproperlyConfigured, match=name):
        env.read_environment()


@pytest.mark.parametrize("value", ["127.0.0.1:9101", "[::1]:9101", "web-1:9101", ""])
def test_an_address_and_a_port_are_taken(value, monkeypatch):
    monkeypatch.setenv("ATOLL_METRICS_BIND", value)
    assert env.read_environment().metrics_bind == value
