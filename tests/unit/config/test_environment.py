import os
import subprocess
import sys

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env

SECRETS = {"ATOLL_SECRET_KEY": "s" * 50, "ATOLL_REDIS_URL": "redis://:pw@127.0.0.1:6379/0"}


@pytest.fixture
def environment(monkeypatch):
    # Set first, also what is not there: what a test leaves behind is then taken back.
    for name in [*filter(is_ours, os.environ), "ATOLL_LOG_LEVEL", "ATOLL_POOL_SIZE"]:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.parametrize("name", SECRETS)
def test_a_secret_that_is_missing_is_told_by_name(environment, name):
    environment.delenv(name)
    with pytest.raises(ImproperlyConfigured, match=name):
        env.read_environment()


def test_values_have_types(environment):
    environment.setenv("ATOLL_POOL_SIZE", "3")
    environment.setenv("ATOLL_HTTPS", "false")
    environment.setenv("ATOLL_PUBLIC_HOSTS", "a.example,b.example")
    read = env.read_environment()
    assert (read.pool_size, read.https) == (3, False)
    assert read.public_hosts == ("a.example", "b.example")


def test_hosts_follow_the_base_domain(environment):
    environment.setenv("ATOLL_BASE_DOMAIN", "atoll.example")
    read = env.read_environment()
    assert read.public_hosts == ("atoll.example", "www.atoll.example")
    assert read.console_hosts == ("console.atoll.example",)


@pytest.mark.parametrize(
    ("cache", "broker"),
    [
        ("redis://:pw@127.0.0.1:6379/0", "redis://:pw@127.0.0.1:6379/1"),
        ("redis://127.0.0.1:6379", "redis://127.0.0.1:6379/1"),
        ("unix:///run/redis?db=0", "redis+socket:///run/redis?virtual_host=1"),
    ],
)
def test_the_queues_are_kept_out_of_the_database_that_emptying_a_cache_empties(
    environment, cache, broker
):
    environment.setenv("ATOLL_REDIS_URL", cache)
    assert env.read_environment().broker_url == broker


def test_what_is_set_wins_over_the_file_and_the_file_over_defaults(environment, tmp_path):
    file = tmp_path / "env"
    file.write_text("ATOLL_BASE_DOMAIN=file.example\nATOLL_LOG_LEVEL=DEBUG\n")
    environment.setenv("ATOLL_BASE_DOMAIN", "set.example")
    env.set_defaults({"ATOLL_LOG_LEVEL": "ERROR", "ATOLL_POOL_SIZE": "5"}, file=file)
    read = env.read_environment()
    assert (read.base_domain, read.log_level, read.pool_size) == ("set.example", "DEBUG", 5)


@pytest.mark.parametrize(
    ("variables", "complaint"),
    [
        ({"ATOLL_REDIS_URL": "redis://127.0.0.1/0"}, "ATOLL_SECRET_KEY"),
        ({"ATOLL_SECRET_KEY": "s" * 50}, "ATOLL_REDIS_URL"),
        (SECRETS | {"ATOLL_SECRET_KEY": env.DEVELOPMENT_SECRET}, "ATOLL_SECRET_KEY"),
    ],
)
def test_production_does_not_start_on_a_missing_or_well_known_secret(variables, complaint):
    ended = start_production(variables)
    assert ended.returncode != 0
    assert complaint in ended.stderr.splitlines()[-1]


def test_production_starts_with_its_secrets_and_wants_https():
    ended = start_production(SECRETS)
    assert ended.stdout.split() == ["False", "True", "__Host-session", "__Host-csrf"], ended.stderr


def start_production(variables):
    code = (
        "from django.conf import settings as s;"
        "print(s.DEBUG, s.SECURE_SSL_REDIRECT, s.SESSION_COOKIE_NAME, s.CSRF_COOKIE_NAME)"
    )
    kept = {name: value for name, value in os.environ.items() if not is_ours(name)}
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=env.ROOT,
        env={**kept, **variables, "DJANGO_SETTINGS_MODULE": "config.settings.prod"},
        capture_output=True,
        text=True,
        check=False,
    )


LOAD_ALL_COMMANDS = """
import sys
sys.modules["psutil"] = None
import django
from django.core.management import get_commands, load_command_class
django.setup()
for name, app in get_commands().items():
    try:
        load_command_class(app, name)
    except ImportError as error:
        print(app, error)
"""


def test_production_needs_nothing_that_only_development_installs():
    assert load_all_commands("config.settings.prod") == ""
    without = load_all_commands("config.settings.dev")
    assert "devstack import of psutil halted" in without, "negative control: development does"


def load_all_commands(settings):
    kept = {name: value for name, value in os.environ.items() if not is_ours(name)}
    ended = subprocess.run(
        [sys.executable, "-c", LOAD_ALL_COMMANDS],
        cwd=env.ROOT,
        env={**kept, **SECRETS, "DJANGO_SETTINGS_MODULE": settings},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def is_ours(name):
    return name.startswith("ATOLL_")
