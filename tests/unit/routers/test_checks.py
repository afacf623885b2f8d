"""The check of DATABASE_ROUTERS."""

import pytest
from django.test import override_settings

from routers.checks import check_router
from routers.databases import TenantRouter


class OfAnAdopter(TenantRouter):
    pass


class Other:
    pass


OURS = "routers.databases.TenantRouter"
OTHER = f"{__name__}.Other"


@pytest.mark.parametrize("routers", [[], [OTHER], [OTHER, OURS], [Other()]])
def test_a_router_before_ours_is_told(routers):
    with override_settings(DATABASE_ROUTERS=routers):
        (error,) = check_router()
    assert error.id == "routers.E004"
    assert OURS in str(error.hint)


@pytest.mark.parametrize(
    "routers", [[OURS], [OURS, OTHER], [f"{__name__}.OfAnAdopter"], [TenantRouter()]]
)
def test_ours_first_is_right(routers):
    with override_settings(DATABASE_ROUTERS=routers):
        assert check_router() == []
