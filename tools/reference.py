"""Write the pages of docs/reference that come from the code: commands, errors, checks, variables.

    python tools/reference.py           say what would change, exit 1 if anything
    python tools/reference.py --write   write it

Only what stands between the two marks of a page is written; the rest is people's.
"""

import argparse
import ast
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs" / "reference"
BEGIN, END = "<!-- from the code: begin -->", "<!-- from the code: end -->"

sys.path.insert(0, str(ROOT))

from tests.repo.rules import documented  # noqa: E402
from tests.repo.rules.tree import PRODUCT, parse, python_files, relative  # noqa: E402


def commands_page() -> Iterator[str]:
    """Each command: what it does, its arguments."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings.test")
    import django
    from django.core.management import get_commands, load_command_class

    django.setup()
    apps = get_commands()
    for name in sorted(documented.commands(ROOT)):
        command = load_command_class(apps[name], name)
        parser = command.create_parser("manage.py", name)
        yield f"## `{name}`"
        yield ""
        yield _one_line(str(command.help or ""))
        yield ""
        rows = [row for action in parser._actions if (row := _argument(action))]
        if rows and not str(command.help).startswith("Refused"):
            yield "| argument | |"
            yield "|---|---|"
            yield from rows
            yield ""
        yield from _subcommands(parser)


def _subcommands(parser: argparse.ArgumentParser) -> Iterator[str]:
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            helps = {choice.dest: choice.help for choice in action._choices_actions}
            yield "| does | |"
            yield "|---|---|"
            for verb, inner in action.choices.items():
                words = [_spelled(each) for each in inner._actions if _argument(each)]
                yield f"| `{' '.join([verb, *words])}` | {_one_line(helps.get(verb) or '')} |"
            yield ""


DJANGOS_OWN = frozenset(
    {"help", "version", "verbosity", "settings", "pythonpath", "traceback", "no_color"}
    | {"force_color", "skip_checks"}
)


def _argument(action: Any) -> str:
    if action.dest in DJANGOS_OWN or isinstance(action, argparse._SubParsersAction):
        return ""
    if action.help == argparse.SUPPRESS:
        return ""
    # As argparse prints it: %% is a sign, %(default)s a value.
    said = (action.help or "") % vars(action)
    return f"| `{_spelled(action)}` | {_one_line(said)} |"


def _spelled(action: Any) -> str:
    if not action.option_strings:
        plural = "…" if action.nargs in {"*", "+", argparse.REMAINDER} else ""
        return f"{action.metavar or action.dest}{plural}"
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    return f"{action.option_strings[-1]}{value}"


def errors_page() -> Iterator[str]:
    """Each error: its code, its class, whether to try again, what it means."""
    yield "| code | error | again? | |"
    yield "|---|---|---|---|"
    rows: list[tuple[str, str]] = []
    for path in python_files(ROOT, *PRODUCT):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.ClassDef):
                codes = filter(None, map(documented.class_code, node.body))
                rows += [(code, _error_row(path, node, code)) for code in codes if "." in code]
    yield from (row for _, row in sorted(rows))
    yield ""


def _error_row(path: Path, node: ast.ClassDef, code: str) -> str:
    module = relative(ROOT, path).removeprefix("platform/").removesuffix(".py").replace("/", ".")
    meaning = _one_line((ast.get_docstring(node) or "").split("\n\n")[0])
    again = "yes" if re.search(r"retryable.*= True", ast.unparse(node)) else "no"
    return f"| `{code}` | `{module}.{node.name}` | {again} | {meaning} |"


def checks_page() -> Iterator[str]:
    """Each system check: its id and its message."""
    yield "| id | says |"
    yield "|---|---|"
    rows = dict.fromkeys(documented.check_ids(ROOT), "")
    # From the widest to the nearest piece of code: the last one that has words for it has its say.
    for path in python_files(ROOT, *PRODUCT):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.FunctionDef):
                promise = _one_line((ast.get_docstring(node) or "").split("\n\n")[0])
                rows.update(_messages(node, f"Not so: {promise}"))
            elif isinstance(node, ast.ExceptHandler) and node.type is not None:
                passed_on = f"What `{ast.unparse(node.type)}` says."
                rows.update(_messages(node, passed_on))
            elif isinstance(node, ast.Call):
                rows |= {name: text for name, text in _messages(node).items() if text}
    yield from (f"| `{name}` | {rows[name]} |" for name in sorted(rows))
    yield ""


def _messages(where: ast.AST, passed_on: str = "") -> dict[str, str]:
    """The checks made in this piece of code, by id, each with its message."""
    found = {}
    for call in ast.walk(where):
        if isinstance(call, ast.Call):
            for keyword in call.keywords:
                name = str(getattr(keyword.value, "value", ""))
                if keyword.arg == "id" and documented.CHECK.fullmatch(name):
                    found[name] = _message(call) or passed_on
    return found


def _message(call: ast.Call) -> str:
    first = call.args[0] if call.args else None
    if isinstance(first, ast.JoinedStr):
        parts = [
            str(part.value) if isinstance(part, ast.Constant) else "…" for part in first.values
        ]
        return _one_line("".join(parts))
    return _one_line(str(first.value)) if isinstance(first, ast.Constant) else ""


def settings_page() -> Iterator[str]:
    """Variables, from the docstring of config.env.Environment; settings, from each conf.py."""
    yield "| variable | default | |"
    yield "|---|---|---|"
    yield from _attribute_rows(ROOT / "platform" / "config" / "env.py", none="must be set")
    yield ""
    yield "## Django settings of ours"
    yield ""
    yield "Each package reads its own in its `conf.py`. A default holds where settings say nothing."
    yield ""
    yield "| setting | default | |"
    yield "|---|---|---|"
    for path in python_files(ROOT, *PRODUCT):
        if path.name == "conf.py":
            yield from _attribute_rows(path, none="")
    yield ""


def _attribute_rows(path: Path, *, none: str) -> Iterator[str]:
    """A row per attribute `name: ATOLL_NAME. What it is.` of the dataclasses in a file."""
    defaults = _defaults(path)
    for node in parse(path).body:
        if isinstance(node, ast.ClassDef):
            attributes = (ast.get_docstring(node) or "").partition("Attributes:")[2]
            for entry in re.split(r"^ {4}(?=\w+:)", attributes, flags=re.MULTILINE)[1:]:
                told = _one_line(entry.partition(":")[2])
                name = documented.SETTING.match(told)
                if name:
                    rest = told[name.end() :].lstrip("., ")
                    default = defaults.get(name[0], none)
                    yield f"| `{name[0]}` | {default} | {rest[:1].upper()}{rest[1:]} |"


def _defaults(path: Path) -> dict[str, str]:
    """Of `env.int("NAME", default=8)` and `named("NAME", 8)`: the 8, by name."""
    found = {}
    for call in ast.walk(parse(path)):
        if isinstance(call, ast.Call):
            values = [each.value for each in call.keywords if each.arg == "default"]
            for name, value in zip(call.args, [*call.args[1:], *values], strict=False):
                told = _told(name)
                if documented.SETTING.fullmatch(told):
                    shown = _told(value)
                    found[told] = f"`{shown}`" if shown else "see there"
    return found


def _told(value: ast.expr) -> str:
    """A default as people would write it; empty when only the text can say it."""
    match value:
        case ast.Constant():
            return str(value.value)
        case ast.Name():
            return f"<{value.id}>"
        case ast.Attribute():
            return value.attr
        case ast.Tuple() | ast.List():
            return ", ".join(map(_told, value.elts)) or "()"
        case ast.JoinedStr():
            return "".join(map(_told, value.values))
        case ast.FormattedValue():
            return _told(value.value)
        case ast.BinOp(left=ast.Name(id="ROOT"), right=folder):
            return f"{_told(folder)}/"
        case ast.Call(func=ast.Name(id="str"), args=[inner]):
            return _told(inner)
    return ""


def _one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip().replace("|", "\\|").replace("%%", "%")


def metrics_page() -> Iterator[str]:
    """Each metric: its name, type, labels and meaning."""
    sys.path.insert(0, str(ROOT / "platform"))
    from config.observability.metrics import described

    yield "| metric | type | labels | |"
    yield "|---|---|---|---|"
    for name, kind, labels, meaning in described():
        told = ", ".join(f"`{label}`" for label in labels)
        yield f"| `{name}` | {kind} | {told} | {_one_line(meaning)} |"
    yield ""


WRITERS = {
    "commands.md": commands_page,
    "errors.md": errors_page,
    "checks.md": checks_page,
    "settings.md": settings_page,
    "metrics.md": metrics_page,
}


def main() -> int:
    """Compare or write; the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the pages")
    parser.add_argument("pages", nargs="*", help=f"of {', '.join(WRITERS)}; all unless told")
    options = parser.parse_args()
    write, stale = options.write, False
    for name in options.pages or WRITERS:
        writer = WRITERS[name]
        page = PAGES / name
        text = page.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        wanted = f"{before}{BEGIN}\n\n" + "\n".join(writer()).rstrip() + f"\n\n{END}{after}"
        if wanted != text:
            stale = True
            sys.stderr.write(f"docs/reference/{name}: {'written' if write else 'is stale'}\n")
            if write:
                page.write_text(wanted, encoding="utf-8")
    return int(stale and not write)


if __name__ == "__main__":
    sys.exit(main())
