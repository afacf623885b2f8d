"""Rules about any text file: left-over marks, machine paths, requirements, the two commands."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tests.repo.rules.tree import PRODUCT, Breach, python_files, relative, text_files

# Put together, so that this file does not report itself.
MARKS: Final = re.compile(
    r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "X" + "XX", "HA" + "CK")) + r")\b"
)
MACHINE_PATHS: Final = re.compile(r"(?<![\w./$}-])/(" + "ro" + "ot|wo" + r"rk)(?=[/\s\"'`),:;]|$)")
ADDRESSES: Final = re.compile(
    r"://|^\s*(-i\b|-f\b|--index|--extra-index|--find-links|--trusted-host)", re.MULTILINE
)
MAKE_CALL: Final = re.compile(r"\bmake ([a-z][a-z-]*)")
MANAGE_CALL: Final = re.compile(r"\bmanage\.py ([a-z][a-z_-]*)")

BY_NAMESPACE: Final = re.compile(r"\b(?:rel|typ|pro|con)namespace\s*=")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    return enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)


def left_over_marks(root: Path) -> Iterator[Breach]:
    """What is still to do stands in an issue, not in the tree."""
    for path in text_files(root):
        for number, line in _lines(path):
            if MARKS.search(line):
                yield Breach(relative(root, path), number, "a mark of something left to do")


def machine_paths(root: Path) -> Iterator[Breach]:
    """Nothing in the tree knows the folders of the machine it was written on."""
    for path in text_files(root):
        for number, line in _lines(path):
            if MACHINE_PATHS.search(line):
                yield Breach(relative(root, path), number, "a path of somebody's machine")


def requirements_name_no_address(root: Path) -> Iterator[Breach]:
    """Where packages come from is the installer's business; every one is pinned by hash."""
    for path in sorted((root / "requirements").iterdir()):
        text = path.read_text(encoding="utf-8")
        for found in ADDRESSES.finditer(text):
            before = text.count("\n", 0, found.start())
            yield Breach(relative(root, path), before + 1, "an address of a package index")
        if path.suffix == ".txt":
            for number, line in _lines(path):
                if line and not line.startswith((" ", "#")) and "==" not in line:
                    yield Breach(relative(root, path), number, f"not pinned: {line}")
            if text.count("==") and "--hash=" not in text:
                yield Breach(relative(root, path), 1, "has no hashes")


def targets(root: Path) -> set[str]:
    """The targets of the Makefile."""
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    return set(re.findall(r"^([a-z][a-z-]*):", makefile, re.MULTILINE))


def commands(root: Path) -> set[str]:
    """Our own management commands."""
    return {
        path.stem
        for path in root.glob("**/management/commands/*.py")
        if path.stem != "__init__" and ".venv" not in path.as_posix()
    }


def told_commands_exist(root: Path) -> Iterator[Breach]:
    """What README and docs tell people to type is there to be typed."""
    known_targets = targets(root)
    known_commands = commands(root) | DJANGOS_COMMANDS
    for path in text_files(root):
        if path.suffix != ".md":
            continue
        for number, code in code_in_markdown(path):
            for name in MAKE_CALL.findall(code):
                if name not in known_targets:
                    yield Breach(relative(root, path), number, f"`make {name}` does not exist")
            for name in MANAGE_CALL.findall(code):
                if name not in known_commands:
                    yield Breach(relative(root, path), number, f"`manage.py {name}` does not exist")


def code_in_markdown(path: Path) -> Iterator[tuple[int, str]]:
    """What a Markdown file shows as code, by line: "make sure" in prose is no command."""
    fenced = False
    for number, line in _lines(path):
        if line.lstrip().startswith("```"):
            fenced = not fenced
        elif fenced:
            yield number, line
        else:
            yield from ((number, code) for code in re.findall(r"`([^`]+)`", line))


DJANGOS_COMMANDS: Final = frozenset(
    {"check", "migrate", "makemigrations", "shell", "dbshell", "createsuperuser", "flush", "test"}
    | {"loaddata", "dumpdata", "clearsessions", "inspectdb", "showmigrations", "help", "runserver"}
    | {
        "collectstatic",
        "migrate_schemas",
        "sqlmigrate",
        "changepassword",
        "sqlflush",
        "squashmigrations",
    }
    | {"create_missing_schemas", "clone_tenant", "create_tenant_superuser", "rename_schema"}
    | {"delete_tenant", "collectstatic_schemas"}
)


def links_lead_somewhere(root: Path) -> Iterator[Breach]:
    """A relative link in Markdown leads to a file that is there."""
    for path in text_files(root):
        if path.suffix == ".md":
            for number, line in _lines(path):
                for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", line):
                    if ":" not in target and not (path.parent / target).exists():
                        yield Breach(relative(root, path), number, f"a link to nowhere: {target}")


def named_tests_exist(root: Path) -> Iterator[Breach]:
    """A test that a page cites as proof is there."""
    there = {
        name
        for path in python_files(root, "tests")
        for name in re.findall(r"^(?:async )?def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    for path in text_files(root):
        if path.suffix == ".md":
            for number, line in _lines(path):
                for name in re.findall(r"`(?:[\w/.]+::)?(test_\w+)`", line):
                    if name not in there:
                        yield Breach(relative(root, path), number, f"no such test: {name}")


def named_pages_exist(root: Path) -> Iterator[Breach]:
    """A page that code sends somebody to, or gives as its source, is there."""
    for path in python_files(root, *PRODUCT):
        for number, line in _lines(path):
            for page in re.findall(r"\bdocs/[\w/-]+\.md\b", line):
                if not (root / page).is_file():
                    yield Breach(relative(root, path), number, f"no such page: {page}")
            for adr in re.findall(r"\bdocs/adr/(\d{4})\b", line):
                if not any((root / "docs" / "adr").glob(f"{adr}-*.md")):
                    yield Breach(relative(root, path), number, f"no such page: docs/adr/{adr}")


def ci_runs_everything(root: Path) -> Iterator[Breach]:
    """.ci/run calls what a person calls, so that green there means green here."""
    script = (root / ".ci/run").read_text(encoding="utf-8")
    for target in ("lint", "types", "contracts", "test"):
        if not re.search(rf"^[^#\n]*\bmake {target}\b(?!-)", script, re.MULTILINE):
            yield Breach(".ci/run", 1, f"does not run `make {target}`")


def catalogue_is_asked_by_an_index(root: Path) -> Iterator[Breach]:
    """What a schema holds is asked of pg_depend: no catalogue has an index by namespace.

    On a shard of a thousand tenants a condition on `relnamespace` alone reads some hundred
    thousand rows, for every tenant that is made.
    """
    for path in python_files(root, *PRODUCT):
        for number, line in _lines(path):
            if BY_NAMESPACE.search(line):
                yield Breach(relative(root, path), number, "reads a whole catalogue")


RULES: Final = (
    left_over_marks,
    machine_paths,
    requirements_name_no_address,
    told_commands_exist,
    links_lead_somewhere,
    named_tests_exist,
    named_pages_exist,
    ci_runs_everything,
    catalogue_is_asked_by_an_index,
)
