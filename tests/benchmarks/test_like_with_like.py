"""The peers run with the product's settings, or the comparison would say nothing."""

import os
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.conf import settings

from config.env import read_environment
from sharding.pools.conf import SCHEMAS_PER_CONNECTION
from sharding.pools.options import POOL_OPTIONS, options_for
from sharding.registry.types import Endpoint, Login, Server
from tests.benchmarks.bench_requests import UnusablePlan, plan_of
from tests.benchmarks.ground import Ground
from tests.benchmarks.gunicorn import THREADS
from tests.benchmarks.systems import IN_TURN, SYSTEMS

_ENVIRONMENT = {
    "ATOLL_SECRET_KEY": "for this test",
    "ATOLL_POOL_SIZE": "8",
    "BENCH_DB_HOST": "127.0.0.1",
    "BENCH_DB_PORT": "1",
    "BENCH_DB_NAME": "x",
    "BENCH_DB_USER": "x",
    "BENCH_DB_PASSWORD": "x",
}
_SAME = (
    "MIDDLEWARE",
    "TEMPLATES",
    "DEBUG",
    "DEFAULT_AUTO_FIELD",
    "USE_I18N",
    "USE_TZ",
    "TIME_ZONE",
    "X_FRAME_OPTIONS",
    "SECURE_REFERRER_POLICY",
)
_OURS = [
    "workspace.api.middleware.ProblemMiddleware",
    "tenants.middleware.TenantMiddleware",
    "tenants.one_thread.OneThreadMiddleware",
]


def _peers(monkeypatch: pytest.MonkeyPatch, **environment: str) -> ModuleType:
    import importlib

    for name, value in {**_ENVIRONMENT, **environment}.items():
        monkeypatch.setitem(os.environ, name, value)
    from tests.benchmarks.settings import peers

    return importlib.reload(peers)


@pytest.mark.parametrize("name", _SAME)
def test_peers_have_the_products_setting(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    product = getattr(settings, name)
    if name == "MIDDLEWARE":
        assert product[: len(_OURS)] == _OURS
        product = product[len(_OURS) :]
    assert getattr(_peers(monkeypatch), name) == product


@pytest.mark.parametrize("size", [0, 8])
def test_peers_keep_their_connections_as_the_product_does(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = Endpoint("127.0.0.1", 1, "shard")
    server = Server("alpha", there, there, Login("web", "x"), Login("own", "x"), None, None, 1)
    ours = options_for(server, pool={"max_size": size} if size else None)
    theirs = _peers(monkeypatch, ATOLL_POOL_SIZE=str(size)).DATABASE

    assert theirs.get("CONN_MAX_AGE", 0) == ours.get("CONN_MAX_AGE", 0)
    assert theirs["CONN_HEALTH_CHECKS"] == ours["CONN_HEALTH_CHECKS"]
    assert theirs["OPTIONS"].get("pool") == ({**POOL_OPTIONS, "max_size": 8} if size else None)


@pytest.mark.parametrize("system", [s for s in SYSTEMS if s.database == "atoll"])
def test_atoll_is_measured_with_the_budget_that_is_delivered_or_none_as_the_page_says(
    system: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack: Any = SimpleNamespace(
        registry=lambda: SimpleNamespace(shards={"alpha": None}),
        files=SimpleNamespace(registry=Path("registry.toml")),
        redis_url="redis://127.0.0.1:1",
    )
    passwords = {"secret key": "for this test"}
    served = Ground(stack, Path(), IN_TURN, passwords).environment(system)
    monkeypatch.delenv("ATOLL_SCHEMAS_PER_CONNECTION", raising=False)
    for name, value in served.items():
        monkeypatch.setenv(name, value)
    read = read_environment()
    assert SCHEMAS_PER_CONNECTION > 0
    assert read.schemas_per_connection == (SCHEMAS_PER_CONNECTION if system.budget else 0)
    assert (read.shard_slots, read.tenant_slots) == (THREADS, THREADS)
    page = Path(__file__).with_name("requests.md.in").read_text()
    assert "a budget of {schemas}" in page
    assert "ATOLL_SCHEMAS_PER_CONNECTION=0" in page


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BENCH_ROUNDS", "abc"),
        ("BENCH_ROUNDS", "0"),
        ("BENCH_SECONDS", "-1"),
        ("BENCH_CONNECTIONS", "1.5"),
        ("BENCH_TENANTS", str(IN_TURN - 1)),
    ],
)
def test_what_cannot_be_measured_is_refused_before_anything_is_built(name: str, value: str) -> None:
    with pytest.raises(UnusablePlan, match=f"{name}={value} will not do"):
        plan_of({name: value})


def test_a_plan_takes_what_the_environment_says() -> None:
    plan = plan_of({"BENCH_QUICK": "1", "BENCH_TENANTS": str(IN_TURN), "BENCH_ROUNDS": "3"})
    assert (plan.quick, plan.tenants, plan.rounds) == (True, IN_TURN, 3)
