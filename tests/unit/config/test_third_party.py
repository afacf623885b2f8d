"""What is kept in the tree of others' work is what the page about it says, with its licence."""

import hashlib
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders

ROOT = Path(__file__).resolve().parents[3]
VENDOR = ROOT / "platform/config/static/vendor"
PAGE = (ROOT / "docs/third-party.md").read_text()
ROW = re.compile(r"^\| `([^`]+)` \|.*`([0-9a-f]{64})` \|$", re.MULTILINE)


def kept():
    return {
        str(path.relative_to(VENDOR)): path
        for path in VENDOR.rglob("*")
        if path.is_file() and not path.name.startswith("LICENSE")
    }


def test_every_file_is_told_with_its_content():
    told = dict(ROW.findall(PAGE))
    sums = {name: hashlib.sha256(path.read_bytes()).hexdigest() for name, path in kept().items()}
    assert told == sums


@pytest.mark.parametrize("path", kept().values(), ids=str)
def test_every_folder_has_its_licence_and_no_address_of_a_map_that_is_not_there(path):
    assert any(each.name.startswith("LICENSE") for each in path.parent.iterdir())
    assert "sourceMappingURL" not in path.read_text()


def test_the_base_template_names_files_that_are_there():
    base = (ROOT / "platform/config/templates/base.html").read_text()
    named = re.findall(r"{% static '([^']+)' %}", base)
    assert named
    assert [name for name in named if finders.find(name) is None] == []
