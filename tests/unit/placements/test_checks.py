"""The check that a deployment knows its control database."""

import ast
from pathlib import Path

import pytest
from django.core.checks import run_checks

from sharding.placements.checks import check_control_is_known
from sharding.registry import current
from sharding.registry.types import Endpoint, Login, Registry, Server
from tests.repo.rules.documented import CHECK
from tests.repo.rules.tree import PRODUCT, parse, python_files


@pytest.fixture
def control():
    place = Endpoint("127.0.0.1", 1, "control")
    return Server("control", place, place, web=Login("web", ""), own=Login("own", ""))


def test_a_deployment_without_a_registry_is_told(monkeypatch, control):
    monkeypatch.setattr(current, "_current", Registry())
    (error,) = check_control_is_known()
    assert error.id == "sharding.E008"
    assert "ATOLL_REGISTRY" in str(error.hint)
    assert error in run_checks(include_deployment_checks=True)
    assert error not in run_checks()
    monkeypatch.setattr(current, "_current", Registry(control=control))
    assert check_control_is_known() == []


def test_every_check_of_ours_has_a_hint():
    bare = []
    for path in python_files(Path(__file__).parents[3], *PRODUCT):
        for node in ast.walk(parse(path)):
            if isinstance(node, ast.Call):
                given = {word.arg: word.value for word in node.keywords}
                told = getattr(given.get("id"), "value", "")
                if isinstance(told, str) and CHECK.fullmatch(told) and "hint" not in given:
                    bare.append(told)
    assert bare == []
