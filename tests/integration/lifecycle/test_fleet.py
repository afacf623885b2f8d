"""A fleet migration asks the tenants themselves whom to leave alone."""

from migrations_tools.fleet.requests import FleetRequest
from migrations_tools.fleet.states import Standing
from migrations_tools.services.fleet import look
from tenants.services.delete import delete_tenant
from tenants.services.suspend import suspend_tenant

LEVEL = Standing.LEVEL, ""


def stands(life, *, skip_suspended=False):
    plan, _ = look(FleetRequest(tenants=(life.id,), skip_suspended=skip_suspended))
    (member,) = plan.members
    return member.standing, member.why


def test_a_suspended_tenant_is_taken_unless_somebody_asks_to_skip_it(life):
    assert stands(life, skip_suspended=True) == LEVEL
    suspend_tenant(life.slug)
    assert stands(life) == LEVEL
    assert stands(life, skip_suspended=True) == (Standing.SKIPPED, "it is suspended")


def test_a_deleted_tenant_is_left_alone_by_all(life):
    assert stands(life) == LEVEL
    delete_tenant(life.slug)
    assert stands(life) == (
        Standing.SKIPPED,
        "it is deleted; restore_tenant brings it to the code first",
    )
