"""Each rule holds in this tree, and each is shown to find a breach of itself."""

import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.repo.allowed import ALLOWED
from tests.repo.rules import code, documented, layout, texts
from tests.repo.rules.tree import Breach

Rule = Callable[[Path], Iterable[Breach]]

RULES: dict[str, Rule] = {
    rule.__name__: rule for rule in (*layout.RULES, *code.RULES, *documented.RULES, *texts.RULES)
}

DOC = '"""What this is."""\n'
MARK = "TO" + "DO"

PROJECT = """\
[tool.hatch.build.targets.wheel]
packages = ["sharding", "tenants", "platform/config"]
[tool.ruff.lint.isort]
known-first-party = ["config", "sharding", "tenants", "tests"]
[tool.importlinter]
root_packages = ["config", "sharding", "tenants"]
[[tool.importlinter.contracts]]
id = "layers"
layers = ["config", "tenants | sharding"]
"""

# A tree that keeps every rule. Each control below adds to it, or puts something in its place.
CLEAN: dict[str, str] = {
    "pyproject.toml": PROJECT,
    "Makefile": "lint:\n\ntypes:\n\ncontracts:\n\ntest:\n",
    ".ci/run": "make lint\nmake types\nmake contracts\nmake test\n",
    "README.md": "Type `make test`. Then make sure that it passes: [ci](.ci/run#why), [x](a://b).\n",
    "requirements/base.txt": "django==5.2 \\\n    --hash=sha256:00\n",
    **{f"{top}/README.md": "# What it owns\n" for top in layout.TOP_PACKAGES},
    "tenants/__init__.py": DOC,
    "tenants/management/__init__.py": "",
    "tenants/management/commands/__init__.py": "",
    "tenants/models.py": 'def save(self, using=None):\n    rows.using(using).using("control")\n',
    "sharding/__init__.py": DOC,
    "sharding/sql.py": 'q = sql.SQL("SELECT a FROM {}").format(sql.Identifier(name))\n',
    "platform/config/__init__.py": DOC,
    "tenants/management/commands/go.py": DOC,
    "platform/config/settings/a.py": "ATOLL_OLD = 1\n",
    "platform/config/settings/__init__.py": DOC,
    "tenants/constants.py": "TENANT_FORM = 1\n",
    "tenants/errors.py": 'class A(B):\n    code: ClassVar[str] = "a.old"\n',
    "tenants/checks.py": 'Error("x", id="a.E000")\n',
    "docs/proof.md": "`test_there`\n",
    "docs/adr/0001-a-choice.md": "# A choice\n",
    "tenants/why.py": '"""See docs/proof.md. Source: docs/adr/0001."""\n',
    "tests/__init__.py": DOC,
    "tests/test_a.py": "def test_there():\n    pass\n",
    "docs/reference/commands.md": "## `go`\n",
    "docs/reference/settings.md": "| `ATOLL_OLD` | |\n",
    "docs/reference/errors.md": "| `a.old` | |\n",
    "docs/reference/checks.md": "| `a.E000` | Bad. |\n",
    "docs/how-to/moves.md": "| `moves.old`, `moves.older` | why |\n",
    "sharding/refused.py": 'r = Refusal("moves.old", a, b), Refusal("moves.older", a, b)\n',
}

# rule -> (name of the case, files to plant, where the breach is)
PLANTED: dict[str, list[tuple[dict[str, str], str]]] = {
    "platform_is_no_package": [
        ({"platform/__init__.py": DOC}, "platform/__init__.py"),
        ({"platform.py": DOC}, "platform.py"),
    ],
    "packages_are_listed": [
        ({"platform/shop/__init__.py": DOC}, "pyproject.toml"),
        ({"routers/__init__.py": DOC}, "pyproject.toml"),
        *(
            ({"pyproject.toml": PROJECT.replace(there, instead, 1)}, "pyproject.toml")
            for there, instead in (
                ('"platform/config"', ""),
                ('["config", "sharding", "tenants", "tests"]', '["config", "tenants"]'),
                ('["config", "sharding", "tenants"]', '["config", "tenants"]'),
                ("tenants | sharding", "tenants"),
                ("tenants | sharding", "tenants | sharding | gone"),
            )
        ),
    ],
    "names": [
        ({"tenants/utils.py": DOC}, "tenants/utils.py"),
        ({"platform/config/celery.py": DOC}, "platform/config/celery.py"),
        ({"routers/helpers/__init__.py": DOC}, "routers/helpers/__init__.py"),
    ],
    "lengths": [
        ({"tenants/long.py": "x = 1\n" * 401}, "tenants/long.py"),
        ({"tests/unit/test_long.py": "x = 1\n" * 701}, "tests/unit/test_long.py"),
        ({"routers/README.md": "x\n" * 61}, "routers/README.md"),
    ],
    "init_files_hold_a_docstring": [
        ({"tenants/__init__.py": DOC + "from a import b\n"}, "tenants/__init__.py"),
        ({"tenants/__init__.py": ""}, "tenants/__init__.py"),
    ],
    "folders_are_packages": [({"tenants/services/one.py": DOC}, "tenants/services")],
    "no_python_in_deploy": [({"deploy/start.py": DOC}, "deploy/start.py")],
    "sql_put_together": [
        ({"tenants/a.py": 'def f(x):\n    return f"SELECT a FROM {x}"\n'}, "tenants/a.py"),
        ({"tenants/a.py": 'q = "DROP ROLE %s" % x\n'}, "tenants/a.py"),
        ({"tenants/a.py": 'q = "SET LOCAL ROLE " + x\n'}, "tenants/a.py"),
        ({"tenants/a.py": 'q = "DELETE FROM {}".format(x)\n'}, "tenants/a.py"),
        ({"sharding/a.py": 'q = b"SET search_path TO " + x\n'}, "sharding/a.py"),
        ({"sharding/a.py": 'q = sql.SQL(f"GRANT {x} TO web")\n'}, "sharding/a.py"),
    ],
    "shard_alias_named": [
        ({"tenants/a.py": 'atomic(using="alpha")\n'}, "tenants/a.py"),
        ({"platform/config/a.py": "rows.using(shard)\n"}, "platform/config/a.py"),
        ({"routers/a.py": "def f(shard):\n    row.save(using=shard)\n"}, "routers/a.py"),
    ],
    "broad_excepts": [
        ({"tenants/a.py": "try:\n    f()\nexcept Exception:\n    g()\n"}, "tenants/a.py"),
        ({"tenants/a.py": "try:\n    f()\nexcept:\n    g()\n"}, "tenants/a.py"),
        ({"tenants/a.py": "try:\n    f()\nexcept (A, BaseException):\n    g()\n"}, "tenants/a.py"),
    ],
    "late_imports": [
        ({"sharding/a.py": 'import_string("tenants.models.Tenant")\n'}, "sharding/a.py"),
        ({"sharding/a.py": 'apps.get_model("tenants", "Tenant")\n'}, "sharding/a.py"),
    ],
    "commands_are_documented": [
        ({"tenants/management/commands/dance.py": DOC}, "tenants/management/commands/dance.py"),
        ({"docs/reference/commands.md": "## `go`\n## `gone`\n"}, "docs/reference/commands.md"),
    ],
    "settings_are_documented": [
        ({"platform/config/settings/b.py": "ATOLL_NEW = 1\n"}, "platform/config/settings/b.py"),
        ({"tenants/more.py": "x = settings.TENANT_NEW\n"}, "tenants/more.py"),
        ({"tenants/more.py": 'x = environ["ATOLL_NEW"]\n'}, "tenants/more.py"),
        (
            {"docs/reference/settings.md": "| `ATOLL_OLD` |\n| `ATOLL_GONE` |\n"},
            "docs/reference/settings.md",
        ),
    ],
    "errors_are_documented": [
        ({"tenants/more.py": 'class A(B):\n    code = "a.b"\n'}, "tenants/more.py"),
        (
            {"docs/reference/errors.md": "| `a.old` | |\n| `a.gone` | |\n"},
            "docs/reference/errors.md",
        ),
    ],
    "checks_are_documented": [
        ({"tenants/more.py": 'Error("x", id="tenants.E009")\n'}, "tenants/more.py"),
        (
            {"docs/reference/checks.md": "| `a.E000` | Bad. |\n| `a.E001` | Gone. |\n"},
            "docs/reference/checks.md",
        ),
        ({"docs/reference/checks.md": "| `a.E000` | |\n"}, "docs/reference/checks.md"),
    ],
    "refusals_are_documented": [
        ({"tenants/more.py": 'Refusal("moves.new", "Because.", "Wait.")\n'}, "tenants/more.py"),
        (
            {"docs/how-to/moves.md": "| `moves.old`, `moves.older`, `moves.gone` | why |\n"},
            "docs/how-to/moves.md",
        ),
    ],
    "fence_caught_by_hand": [
        ({"tenants/a.py": 'x = error.sqlstate == "AT001"\n'}, "tenants/a.py"),
        ({"tenants/a.py": "from sharding.scope.latch import FENCED\n"}, "tenants/a.py"),
    ],
    "asks_for_pytest": [
        ({"tenants/a.py": 'x = "pytest" in sys.modules\n'}, "tenants/a.py"),
        ({"tenants/a.py": "import pytest\n"}, "tenants/a.py"),
    ],
    "links_lead_somewhere": [
        ({"docs/a.md": "[x](b.md)\n"}, "docs/a.md"),
        ({"README.md": "[x](docs/gone.md#part)\n"}, "README.md"),
    ],
    "named_tests_exist": [
        ({"docs/a.md": "`test_gone`\n"}, "docs/a.md"),
        ({"docs/a.md": "`tests/unit/test_a.py::test_gone`\n"}, "docs/a.md"),
    ],
    "named_pages_exist": [
        ({"tenants/a.py": 'x = "see docs/how-to/gone.md, please"\n'}, "tenants/a.py"),
        ({"sharding/a.py": '"""Source: docs/adr/0099."""\n'}, "sharding/a.py"),
    ],
    "left_over_marks": [
        ({"tenants/a.py": f"# {MARK}: later\n"}, "tenants/a.py"),
        ({"docs/a.md": f"{MARK}\n"}, "docs/a.md"),
    ],
    "machine_paths": [
        ({"docs/a.md": "cd /" + "work/main\n"}, "docs/a.md"),
        ({"tenants/a.py": 'home = "/' + 'root"\n'}, "tenants/a.py"),
    ],
    "requirements_name_no_address": [
        ({"requirements/a.txt": "a @ https" + "://x/a.whl\n"}, "requirements/a.txt"),
        ({"requirements/a.in": "--extra-index-url x\n"}, "requirements/a.in"),
        ({"requirements/a.txt": "a>=1\n"}, "requirements/a.txt"),
        ({"requirements/a.txt": "a==1\n"}, "requirements/a.txt"),
    ],
    "told_commands_exist": [
        ({"README.md": "`make coffee`\n"}, "README.md"),
        ({"docs/a.md": "```\nmanage.py dance\n```\n"}, "docs/a.md"),
    ],
    "ci_runs_everything": [
        ({".ci/run": "make lint\nmake types\nmake contracts\n# make test\n"}, ".ci/run"),
        ({".ci/run": "make lint\nmake types\nmake contracts\nmake test-full\n"}, ".ci/run"),
    ],
    "catalogue_is_asked_by_an_index": [
        (
            {"sharding/a.py": 'Q = "SELECT FROM pg_class c WHERE c.relnamespace = 1"\n'},
            "sharding/a.py",
        ),
        ({"tenants/a.py": 'Q = """\n    WHERE t.typnamespace =\n"""\n'}, "tenants/a.py"),
    ],
}


def lay_out(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("name", RULES)
def test_the_tree_keeps_the_rule(name: str, root: Path) -> None:
    allowed = ALLOWED.get(name, {})
    used: set[str] = set()
    breaches: list[Breach] = []
    for breach in RULES[name](root):
        place = f"{breach.path} {breach.what.partition(':')[0]}"
        if place in allowed:
            used.add(place)
        else:
            breaches.append(breach)
    assert not breaches, "\n" + "\n".join(map(str, sorted(breaches)))
    assert not allowed.keys() - used, "allowed, but no longer there"


@pytest.mark.parametrize("name", RULES)
def test_a_tree_that_keeps_the_rule_is_left_in_peace(name: str, tmp_path: Path) -> None:
    assert list(RULES[name](lay_out(tmp_path, CLEAN))) == []


@pytest.mark.parametrize(
    ("name", "planted", "where"),
    [
        pytest.param(name, planted, where, id=f"{name}-{number}")
        for name, cases in PLANTED.items()
        for number, (planted, where) in enumerate(cases, start=1)
    ],
)
def test_a_planted_breach_is_reported(
    name: str, planted: dict[str, str], where: str, tmp_path: Path
) -> None:
    tree = lay_out(tmp_path, {**CLEAN, **planted})
    assert {breach.path for breach in RULES[name](tree)} == {where}


def test_every_rule_has_a_control() -> None:
    assert RULES.keys() == PLANTED.keys()


def test_every_exception_gives_its_reason() -> None:
    for rule, places in ALLOWED.items():
        assert rule in RULES
        for place, reason in places.items():
            assert re.match(r"\w.{20,}", reason), f"{rule}, {place}: why?"
