"""The page of `make bench-fleet` puts each goal beside what was reached, and tells the misses."""

import json

import pytest

from tests.benchmarks import fleet_last, fleet_page
from tests.benchmarks.conditions import this_machine
from tests.benchmarks.fleet_last import read_last
from tests.benchmarks.fleet_page import Beside, Flat, Results, beside_table, report

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
    monkeypatch.setattr(fleet_last, "ROOT", tmp_path)
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


def test_what_an_older_bench_wrote_is_told_and_left_out_and_the_rest_is_kept(folder, capsys):
    older = {
        "create": {"django_tenants": 720.0, "atoll": 90.0},
        "add_column_per_tenant": {
            "django_tenants": 200.0,
            "django_tenants_multiprocessing": 96.0,
            "atoll": 8.0,
            "goal": 50,
            "goal_multiprocessing": 25,
        },
        "curve": [{"tenants": 100, "create": 60.0}, "of another age"],
        "flat": [{"migrations": 10, "standard": 2382.0, "image": 797.0, "spare": 448.0}],
        "tables": None,
        "machine": {"taken_at": "2026-11-01"},
        "machines": {"curve": {"taken_at": "2026-11-01"}},
    }
    (folder / ".bench" / "fleet.json").write_text(json.dumps(older))
    last = read_last()
    assert last == Results((COLUMN,), flat=(Flat(10, 2382.0, 797.0, 448.0),))
    told = capsys.readouterr().err.splitlines()
    assert [line.partition("left out, ")[2].partition(" (")[0] for line in told] == [
        "create",
        "curve",
        "curve",
        "machines, curve",
        "tables",
    ]


@pytest.mark.parametrize("text", ["", '{"create": {"django_tenants": 7', "[1, 2]", "null", "7"])
def test_a_file_that_was_cut_off_is_told_and_counts_as_none(folder, capsys, text):
    (folder / ".bench" / "fleet.json").write_text(text)
    assert read_last() == Results()
    assert ".bench/fleet.json: left out, all" in capsys.readouterr().err


@pytest.mark.parametrize("raw", [{}, {"curve": 7, "flat": {}, "machines": [1], "tables": 3}])
def test_a_file_with_other_contents_is_left_out_part_by_part(folder, raw):
    (folder / ".bench" / "fleet.json").write_text(json.dumps(raw))
    assert read_last() == Results()
