"""Where Django's tests come from."""

import pytest

from tests.django_suite.errors import SourceMissing
from tests.django_suite.source import all_labels, fetched_tests


def test_without_an_index_it_says_what_to_do_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")

    with pytest.raises(SourceMissing, match="Run this once with access to a package index"):
        fetched_tests("5.2", tmp_path)

    assert list((tmp_path / "source").iterdir()) == []


def test_what_is_there_is_not_fetched_again(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    folder = tmp_path / "source" / "django-5.2" / "tests"
    folder.mkdir(parents=True)

    assert fetched_tests("5.2", tmp_path) == folder


def test_labels_are_the_packages_but_for_gis_and_what_is_no_part(tmp_path):
    for name in ("basic", "gis_tests", "import_error_package", "queries", "templates"):
        (tmp_path / name).mkdir()
        if name != "templates":
            (tmp_path / name / "__init__.py").touch()

    assert all_labels(tmp_path) == ["basic", "queries"]
