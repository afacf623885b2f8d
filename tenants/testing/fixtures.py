"""The fixtures that adopters use."""

from typing import TYPE_CHECKING, Final

import pytest

from tenants.testing.types import TenantUnderTest

if TYPE_CHECKING:
    from django.test import Client

    from tenants.testing.kit import Kit

KIT: Final = pytest.StashKey["Kit"]()

SAME_SHARD: Final = "same shard"
ANOTHER_SHARD: Final = "another shard"


@pytest.fixture
def tenant(request: pytest.FixtureRequest) -> TenantUnderTest:
    """The tenant in whose scope the test runs. What the test does is undone."""
    return _kit(request).fleet.first


@pytest.fixture
def other_tenant(request: pytest.FixtureRequest, tenant: TenantUnderTest) -> TenantUnderTest:
    """Another tenant, on the same shard; `with other_tenant.scope():` works in it.

    On another shard: `@pytest.mark.parametrize("other_tenant", ["another shard"], indirect=True)`;
    both: `["same shard", "another shard"]`.
    """
    where = getattr(request, "param", SAME_SHARD)
    if where not in (SAME_SHARD, ANOTHER_SHARD):
        raise pytest.UsageError(
            f"other_tenant: {where!r} is neither {SAME_SHARD!r} nor {ANOTHER_SHARD!r}"
        )
    return _kit(request).fleet.other_tenant(on_another_shard=where == ANOTHER_SHARD)


@pytest.fixture
def tenant_client(tenant: TenantUnderTest) -> "Client":
    """A browser at the tenant's host, signed in as nobody."""
    return tenant.client()


@pytest.fixture
def shards(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The names of the shards that hold tenants of tests."""
    return _kit(request).fleet.shards


@pytest.fixture
def control() -> str:
    """Lets the test use the control database by its name, which this is; what it does is undone."""
    return "control"


def _kit(request: pytest.FixtureRequest) -> "Kit":
    kit = request.config.stash.get(KIT, None)
    if kit is None:
        raise pytest.UsageError(
            "Atoll's test kit is not at work: DJANGO_SETTINGS_MODULE names no settings that "
            "install `sharding.backend`."
        )
    return kit
