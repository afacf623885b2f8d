"""What squawk says of SQL is told with the statement and with our recipe. It is really run."""

import os
from pathlib import Path

import pytest

from migrations_tools.safety import squawk
from migrations_tools.safety.errors import NoSquawk, SquawkFailed
from migrations_tools.safety.recipes import RECIPES
from migrations_tools.safety.squawk import check_sql, statements_at

NODE = ("shop", "0002_change")
INDEX = 'CREATE INDEX "by_name" ON "shop" ("name")'
CONCURRENTLY = 'CREATE INDEX CONCURRENTLY "by_name" ON "shop" ("name")'


def found(*statements, atomic=True):
    return {finding.rule: finding for finding in check_sql(NODE, statements, atomic=atomic)}


@pytest.mark.parametrize(
    ("statement", "rule"),
    [
        (INDEX, "require-concurrent-index-creation"),
        ('DROP INDEX "by_name"', "require-concurrent-index-deletion"),
        (
            'ALTER TABLE "shop" ADD CONSTRAINT "positive" CHECK ("size" > 0)',
            "constraint-missing-not-valid",
        ),
        (
            (
                'ALTER TABLE "shop" ADD CONSTRAINT "to_owner" FOREIGN KEY ("owner_id")'
                ' REFERENCES "owner" ("id") DEFERRABLE INITIALLY DEFERRED'
            ),
            "adding-foreign-key-constraint",
        ),
        (
            'ALTER TABLE "shop" ADD CONSTRAINT "one_name" UNIQUE ("name")',
            "disallowed-unique-constraint",
        ),
        ('ALTER TABLE "shop" ALTER COLUMN "size" TYPE bigint', "changing-column-type"),
        ('ALTER TABLE "shop" ALTER COLUMN "size" SET NOT NULL', "adding-not-nullable-field"),
        ('ALTER TABLE "shop" RENAME COLUMN "name" TO "title"', "renaming-column"),
        ('ALTER TABLE "shop" RENAME TO "store"', "renaming-table"),
        ('ALTER TABLE "shop" DROP COLUMN "name"', "ban-drop-column"),
        ('DROP TABLE "shop" CASCADE', "ban-drop-table"),
        ('ALTER TABLE "shop" ADD COLUMN "size" integer NOT NULL', "adding-required-field"),
        ('ALTER TABLE "shop" ALTER COLUMN "size" DROP NOT NULL', "ban-drop-not-null"),
    ],
    ids=lambda value: value if " " not in value else "",
)
def test_a_statement_that_locks_or_breaks_is_named_with_our_recipe(statement, rule):
    finding = found(statement)[rule]

    assert finding.node == NODE
    assert statement[:40] in finding.what
    assert finding.instead == RECIPES[rule]


@pytest.mark.parametrize(
    ("statement", "atomic"),
    [
        ('CREATE TABLE "shop" ("id" bigint PRIMARY KEY, "name" varchar(20) NOT NULL)', True),
        ('ALTER TABLE "shop" ADD COLUMN "size" integer NULL', True),
        ('ALTER TABLE "shop" ADD COLUMN "size" integer DEFAULT 3 NOT NULL', True),
        ('ALTER TABLE "shop" ALTER COLUMN "size" DROP DEFAULT', True),
        (
            'ALTER TABLE "shop" ADD CONSTRAINT "positive" CHECK ("size" > 0) NOT VALID',
            True,
        ),
        (CONCURRENTLY, False),
    ],
    ids=["table", "null", "constant", "no default", "not valid", "concurrently"],
)
def test_what_stops_nobody_is_passed_by(statement, atomic):
    assert found(statement, atomic=atomic) == {}


def test_an_index_of_a_table_that_is_made_beside_it_is_passed_by():
    table = 'CREATE TABLE "shop" ("id" bigint PRIMARY KEY, "name" varchar(20) NOT NULL)'

    assert found(table, INDEX) == {}


def test_each_rule_is_told_once_with_the_first_statement_that_breaks_it():
    second = 'CREATE INDEX "by_size" ON "shop" ("size")'
    told = list(check_sql(NODE, [INDEX, second], atomic=True))

    assert [finding.rule for finding in told] == ["require-concurrent-index-creation"]
    assert "by_name" in told[0].what


def test_a_finding_shows_its_statement_however_many_lines_there_are():
    statements = ["SELECT\n1", INDEX, "SELECT 2"]

    assert statements_at(statements, 0) == "(SELECT 1)"
    assert statements_at(statements, 1) == "(SELECT 1)"
    assert statements_at(statements, 2) == f"({INDEX})"
    assert statements_at(statements, 3) == "(SELECT 2)"
    assert statements_at(statements, 9) == ""
    assert statements_at(["x" * 300], 0).endswith("…)")


def test_what_squawk_cannot_read_is_told_and_not_passed_by():
    told = list(check_sql(NODE, ["ALTER TABEL shop ADD COLUMN size int"], atomic=True))

    assert told
    assert "shop" in told[0].what or "TABEL" in told[0].what


def test_without_squawk_it_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(squawk.sys, "executable", str(tmp_path / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NoSquawk, match=r"requirements/dev\.txt"):
        found(INDEX)


def test_a_squawk_that_fails_is_no_clean_bill(monkeypatch, tmp_path):
    broken = Path(tmp_path / "squawk")
    broken.write_text("#!/bin/sh\necho 'out of order' >&2\nexit 3\n")
    broken.chmod(0o755)
    monkeypatch.setattr(squawk.sys, "executable", str(tmp_path / "python"))
    assert os.access(broken, os.X_OK)

    with pytest.raises(SquawkFailed, match=r"shop\.0002_change: out of order"):
        found(INDEX)
