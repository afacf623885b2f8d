"""A migration that was edited is told from what it was, though its name is the same."""

import sys
from pathlib import Path

import pytest

from migrations_tools import sources
from migrations_tools.sources import source_digest
from migrations_tools.states import wanted_state


@pytest.fixture
def edited(tmp_path, monkeypatch):
    """One of the migrations lies in a file that the test writes."""
    node = min(wanted_state().nodes)
    module = sys.modules[sources.module_of(node)]
    file = tmp_path / "0001_initial.py"
    file.write_bytes(Path(module.__file__).read_bytes())
    monkeypatch.setattr(module, "__file__", str(file))
    yield file
    sources._digest.cache_clear()


def read_anew() -> str:
    """As another process would."""
    sources._digest.cache_clear()
    return source_digest(wanted_state())


def test_the_same_text_has_the_same_digest_and_an_edited_one_another(edited):
    before = read_anew()
    assert read_anew() == before
    assert len(before) == 32
    state = wanted_state().digest
    edited.write_bytes(edited.read_bytes() + b"\n# edited\n")
    assert read_anew() != before
    assert wanted_state().digest == state, "by its name it is the same"


def test_a_migration_without_a_file_counts_by_its_name(edited):
    whole = read_anew()
    edited.unlink()
    assert read_anew() != whole
