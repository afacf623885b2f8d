"""Production names style sheets by content, and fails on a name that was never collected."""

import re

import pytest
from django.contrib.staticfiles import finders

from config import env

_NAMED = re.compile(r"{% static ['\"]([^'\"]+)['\"]")
TEMPLATES = [
    path
    for folder in ("platform", "tenants")
    for path in sorted((env.ROOT / folder).rglob("templates/**/*.html"))
]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_what_a_template_names_is_there(template):
    named = _NAMED.findall(template.read_text())
    assert [name for name in named if finders.find(name) is None] == []


def test_some_templates_name_something():
    assert sum(bool(_NAMED.search(path.read_text())) for path in TEMPLATES) >= 1
