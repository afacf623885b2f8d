"""Every command of every installed app is looked at, and does here what it says."""

from io import StringIO

import pytest
from django.core.management import call_command, get_commands, load_command_class
from django.core.management.base import CommandError

from tenants.command_verdicts import VERDICTS, CommandVerdict
from tenants.replaced_commands import RefusedCommand
from tenants.running import parse_call

DJANGO_TENANTS = {
    "all_tenants_command",
    "clone_tenant",
    "collectstatic_schemas",
    "create_domain",
    "create_missing_schemas",
    "create_tenant",
    "create_tenant_superuser",
    "delete_domain",
    "delete_tenant",
    "migrate",
    "migrate_schemas",
    "rename_schema",
    "tenant_command",
}


def of(verdict):
    return sorted(name for name, each in VERDICTS.items() if each is verdict)


def load(name):
    return load_command_class(get_commands()[name], name)


def test_every_command_has_a_verdict_and_every_verdict_a_command():
    assert set(get_commands()) == set(VERDICTS)


def test_every_command_of_django_tenants_is_here_under_its_name():
    assert set(VERDICTS) >= DJANGO_TENANTS


@pytest.mark.parametrize("name", sorted(DJANGO_TENANTS))
def test_no_command_of_django_tenants_is_its_own(name):
    assert not type(load(name)).__module__.startswith("django_tenants")


@pytest.mark.parametrize("name", of(CommandVerdict.REFUSED))
def test_a_refused_command_refuses_whatever_it_is_given_and_points_elsewhere(name):
    command = load(name)
    assert isinstance(command, RefusedCommand)
    with pytest.raises(CommandError, match=r"Nothing was changed\..*[a-z]"):
        call_command(command, "word", "--schema=x", "--noinput", "-v", "2")


@pytest.mark.parametrize("name", of(CommandVerdict.TENANT))
def test_a_tenants_command_without_a_tenant_points_to_tenant_command(name):
    arguments = {
        "loaddata": ["x.json"],
        "sqlsequencereset": ["accounts"],
        "flush": ["--noinput"],
        "createsuperuser": ["--noinput", "--email=a@example.com"],
    }
    with pytest.raises(CommandError, match=f"tenant_command -t SLUG {name}"):
        call_command(name, *arguments.get(name, []), stdout=StringIO())


def test_flush_refuses_control_even_by_name():
    with pytest.raises(CommandError, match="tenant_command"):
        call_command("flush", "--noinput", "--database", "control")


def test_dbshell_opens_no_shard():
    with pytest.raises(CommandError, match="devstack psql"):
        call_command("dbshell")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["-t", "acme", "flush", "--noinput"], ("acme", "flush", ("--noinput",))),
        (["--tenant=acme", "flush"], ("acme", "flush", ())),
        (["-s", "acme", "shell", "-c", "1"], ("acme", "shell", ("-c", "1"))),
        (["flush", "--schema=acme", "-v", "2"], ("acme", "flush", ("-v", "2"))),
        (["flush", "--tenant", "acme"], ("acme", "flush", ())),
        # After its name short options are the command's own.
        (["-t", "acme", "runit", "-t", "x", "-s"], ("acme", "runit", ("-t", "x", "-s"))),
        (["flush"], ("", "flush", ())),
    ],
)
def test_our_option_is_taken_out_of_anothers_command_line(words, expected):
    call = parse_call(words)
    assert (call.tenant, call.command, call.arguments) == expected


@pytest.mark.parametrize("words", [[], ["-t", "acme"], ["-t"], ["--tenant="]])
def test_a_line_without_a_command_or_a_value_is_wrong_usage(words):
    with pytest.raises(CommandError) as caught:
        parse_call(words)
    assert caught.value.returncode == 2


@pytest.mark.parametrize("name", of(CommandVerdict.CONTROL))
@pytest.mark.parametrize("by", ["tenant_command", "all_tenants_command"])
def test_what_works_on_control_is_not_run_for_a_tenant(name, by):
    instead = "migrate_schemas" if name == "migrate" else name
    with pytest.raises(CommandError, match=f"Nothing was changed.*manage.py {instead} ") as caught:
        load(by).handle(*(["-t", "acme"] if by == "tenant_command" else []), name)
    assert caught.value.returncode == 2


@pytest.mark.parametrize("by", ["tenant_command", "all_tenants_command"])
def test_a_command_that_is_nowhere_is_refused_once_and_a_slug_in_its_place_is_guessed(by):
    with pytest.raises(CommandError, match="There is no command 'nosuch'") as caught:
        call_command(by, "nosuch")
    assert caught.value.returncode == 2
    with pytest.raises(CommandError, match=r"`manage.py tenant_command -t acme clearsessions`"):
        call_command(by, "acme", "clearsessions")
