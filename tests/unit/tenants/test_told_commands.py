"""What messages tell people to type can be typed: the command is there, and has these options."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class

ROOT = Path(__file__).parents[3]
TOPS = ("sharding", "migrations_tools", "tenants", "routers", "platform")
SOMETHING = "x"

# Up to where a sentence goes on.
CALL = re.compile(r"manage\.py ([a-z_]+)([^`\n;,.:()]*)")
OPTION = re.compile(r"(?<=\s)--[a-z][a-z-]*")
# These hand what follows on: to another command, or to a part of theirs with options of its own.
HAND_ON = {"tenant_command", "all_tenants_command", "devstack"}


@cache
def options_of(name: str) -> frozenset[str]:
    parser = load_command_class(get_commands()[name], name).create_parser("manage.py", name)
    return frozenset(parser._option_string_actions)


def texts(source: str) -> Iterator[str]:
    """Every text in it; what is put in is some word."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                part.value if isinstance(part, ast.Constant) else SOMETHING for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def wrong_calls(source: str) -> Iterator[str]:
    for text in texts(source):
        for name, rest in CALL.findall(text):
            if name not in get_commands():
                # The end of a part of an f-string, which is seen whole as well; or prose.
                if OPTION.search(rest):
                    yield f"{name}: no such command"
            elif name not in HAND_ON:
                for option in OPTION.findall(rest):
                    if option not in options_of(name):
                        yield f"{name} has no {option}"


def test_every_command_that_is_told_has_the_options_that_are_told():
    wrong = {
        f"{path.relative_to(ROOT)}: {call}"
        for top in TOPS
        for path in sorted((ROOT / top).rglob("*.py"))
        for call in wrong_calls(path.read_text("utf-8"))
    }
    assert wrong == set()


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ('f"manage.py give_global_ids --tenant {name}"', ["give_global_ids has no --tenant"]),
        ('"Run `manage.py mend_schemas --open`."', ["mend_schemas: no such command"]),
        ('f"manage.py mend_schema {name} --open, or wait --long"', []),
        ('"manage.py tenant_command -t x clearsessions --all"', []),
    ],
)
def test_a_command_that_cannot_be_typed_is_found(source, found):
    assert sorted({*wrong_calls(source)}) == found
