"""The check that a deployment knows its control database."""

import pytest
from django.core.checks import run_checks

from sharding.placements.checks import check_control_is_known
from sharding.registry import current
from sharding.registry.types import Endpoint, Login, Registry, Server


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
