"""The page of `make bench-fleet` puts each goal beside what was reached, and tells the misses."""

import json

import pytest

from tests.benchmarks import fleet_page
from tests.benchmarks.conditions import this_machine
from tests.benchmarks.fleet_page import Beside, Results, beside_table, read_last, report

COLUMN = Beside("add_column_per_tenant", 200.0, 96.0, 8.0, 50, 25)
CREATE = Beside("create", 720.0, None, 90.0, 5)


def cells(row):
    return [cell.strip() for cell in row.strip("|").split("|")][1:]


def test_each_goal_is_judged_by_the_executor_that_it_is_against():
    *_, column, create = beside_table([COLUMN, CREATE]).splitlines()
    assert cells(column) == ["200", "96.0", "8.0", "25.0", "50", "missed", "12.0", "25", "missed"]
    assert cells(create) == ["720", "", "90.0", "8.0", "5", "", "", "", ""]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    (tmp_path / ".bench").mkdir()
    monkeypatch.setattr(fleet_page, "ROOT", tmp_path)
    return tmp_path


def test_a_run_of_one_part_keeps_what_the_last_run_measured_of_the_others(folder):
    machine = this_machine(PostgreSQL="18")
    last = Results([COLUMN, CREATE], machines={"beside": machine})
    faster = Beside("create", 700.0, None, 50.0, 5)
    after = last.with_beside([faster], machine, "big")
    assert after.beside == (faster, COLUMN)
    assert set(after.machines) == {"beside", "big"}
    assert read_last() == Results()


def test_a_run_of_the_curve_alone_reads_what_the_last_run_wrote(folder, monkeypatch):
    written = {}
    monkeypatch.setattr(fleet_page, "publish", lambda name, **words: written.update(words))
    machine = this_machine(PostgreSQL="18")
    report(Results([COLUMN, CREATE], machines={"beside": machine}), quick=True)
    assert "Not measured." in written["page"]
    (folder / ".bench" / "fleet.json").write_text(json.dumps(written["figures"]))
    assert sorted(read_last().beside, key=lambda one: one.name) == [COLUMN, CREATE]
