"""An application with as many migrations as one wants, and the same tables at their end."""

from pathlib import Path

from tests.benchmarks.fleet import release_1

_BEFORE = 5
"""Those of release 1 come first."""

_INIT = '''"""Release 1, and migrations upon migrations."""

from tests.benchmarks.fleet import release_1

__path__ = [*__path__, *release_1.__path__]
'''
_MIGRATION = """from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("bench_fleet", "{before}")]
    operations = [
        migrations.AlterField("record{table}", "title", models.CharField(max_length={length})),
    ]
"""


def write_migrations(folder: Path, number: int) -> str:
    """Write a package with `number` migrations below `folder`; its name, for MIGRATION_MODULES."""
    name = f"bench_fleet_of_{number}"
    package = folder / name
    package.mkdir()
    (package / "__init__.py").write_text(_INIT)
    (released,) = release_1.__path__
    before = max(file.stem for file in Path(released).glob("0*.py"))
    for position in range(_BEFORE + 1, number + 1):
        text = _MIGRATION.format(
            before=before, table=5 + position % 20, length=200 + (position * 7) % 90
        )
        before = f"{position:04}_length"
        (package / f"{before}.py").write_text(text)
    return name
