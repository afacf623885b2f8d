"""What `manage.py demo` takes for a port, before it starts anything."""

import pytest
from django.core.management.base import CommandError

from devstack.management.commands.demo import Command


def port_of(*words):
    return Command().create_parser("manage.py", "demo").parse_args(words).port


def test_the_port_is_typed_or_in_the_environment(monkeypatch):
    monkeypatch.delenv("ATOLL_DEMO_PORT", raising=False)
    assert port_of() == 8000
    monkeypatch.setenv("ATOLL_DEMO_PORT", "0")
    assert (port_of(), port_of("--port", "65535")) == (0, 65535)
    # What is typed counts, so what is not used may be anything.
    monkeypatch.setenv("ATOLL_DEMO_PORT", "abc")
    assert port_of("--port", "8080") == 8080


@pytest.mark.parametrize("text", ["abc", "99999", "-1", "8000.5", "٣"])
@pytest.mark.parametrize("by", ["option", "environment"])
def test_what_is_no_port_is_wrong_usage(text, by, monkeypatch):
    if by == "environment":
        monkeypatch.setenv("ATOLL_DEMO_PORT", text)
    with pytest.raises(CommandError, match="is no port: a number from 0 to 65535"):
        port_of(*([f"--port={text}"] if by == "option" else []))


def test_help_is_given_whatever_the_environment_says(monkeypatch, capsys):
    monkeypatch.setenv("ATOLL_DEMO_PORT", "abc")
    with pytest.raises(SystemExit) as caught:
        port_of("--help")
    assert caught.value.code == 0
    assert "ATOLL_DEMO_PORT" in capsys.readouterr().out
