"""Making a tenant is cut off at any point, and gone on with or taken back."""

from collections.abc import Iterator

import pytest
from django.test import Client

from accounts.models import User
from sharding import scope
from sharding.placements.models import ReservedRole
from tenants import errors
from tenants.models import Provisioning, Tenant
from tenants.services.listing import show_tenant
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest
from tenants.services.undo import plan_undo, undo_provision
from tests.fixtures.victims import Victims, victims_of
from tests.fixtures.waiting import kill_and_see_it_gone
from tests.integration.tenants.inventory import everything, taken_back
from tests.integration.tenants.victim import EMAIL, PASSWORD


@pytest.fixture(scope="module")
def victims(tenants) -> Iterator[Victims]:
    with victims_of("tests.integration.tenants.victim") as found:
        yield found


@pytest.fixture
def killed_at(victims, tmp_path):
    """Begin to make a tenant in another process, and kill that one when it is at some point."""
    return lambda point, slug: victims.kill_at(point, tmp_path / "point", slug)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("reserved", marks=pytest.mark.slow),
        "in the claim",
        "claimed",
        pytest.param("schema created", marks=pytest.mark.slow),
        "in the migrations",
        "image replayed",
        "built",
        pytest.param("built and journaled", marks=pytest.mark.slow),
        "in a step",
        pytest.param("seeded", marks=pytest.mark.slow),
        "in the opening",
        "opened",
    ],
)
def test_after_a_kill_anywhere_the_same_request_finishes_the_work(
    tenants, killed_at, point, consistent
):
    slug = "victim"
    killed_at(point, slug)
    try:
        state = Tenant.objects.using("control").filter(slug=slug).values_list("state", flat=True)
        assert list(state) in ([["active"]] if point == "opened" else [[], ["provisioning"]])
        receipt = provision_tenant(
            ProvisionRequest(slug=slug, shard="alpha", admin_email=EMAIL, admin_password=PASSWORD)
        )
        assert receipt.created is (point != "opened")
        with scope.enter(receipt.placement):
            assert [user.email for user in User.objects.all()] == [EMAIL]
        assert Provisioning.objects.using("control").get(tenant__slug=slug).state == "done"
        consistent()
        unused = ReservedRole.objects.using("control").filter(used_by=slug, placed_at=None)
        assert not unused.exists()
    finally:
        taken_back(slug)


@pytest.mark.parametrize(
    "point",
    [
        pytest.param("claimed", marks=pytest.mark.slow),
        "in the migrations",
        pytest.param("seeded", marks=pytest.mark.slow),
    ],
)
def test_after_a_kill_what_is_half_made_can_be_taken_back(tenants, killed_at, point):
    before = everything()
    killed_at(point, "victim")
    half_made = everything()
    assert half_made != before
    plan = plan_undo("victim")
    assert (plan.shard, plan.hosts) == ("alpha", ("victim.localhost",))
    assert everything() == half_made
    undo_provision("victim")
    assert everything() == before
    with pytest.raises(errors.UnknownSlug):
        plan_undo("victim")
    with pytest.raises(errors.UnknownSlug):
        undo_provision("victim")


def test_a_finished_tenant_is_not_taken_back(ann):
    before = everything()
    for do in (plan_undo, undo_provision):
        with pytest.raises(errors.WrongTenantState):
            do("ann")
    assert everything() == before


def test_a_half_made_tenant_is_seen_and_serves_nobody(tenants, killed_at):
    killed_at("built and journaled", "victim")
    try:
        told = show_tenant("victim")
        assert (told.state, told.served, told.provisioning) == (
            "provisioning",
            "not ready",
            "built",
        )
        answer = Client(headers={"host": "victim.localhost"}).get("/")
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    finally:
        undo_provision("victim")


def test_of_two_at_once_for_one_slug_one_makes_it_and_the_other_is_told(
    tenants, victims, tmp_path, consistent
):
    pid = victims.begin("built", tmp_path / "point", "victim")
    try:
        with pytest.raises(errors.BeingProvisioned, match=f":{pid}:"):
            provision_tenant(
                ProvisionRequest(
                    slug="victim", shard="alpha", admin_email=EMAIL, admin_password=PASSWORD
                )
            )
        with pytest.raises(errors.SlugTaken):
            provision_tenant(ProvisionRequest(slug="victim", name="Another", shard="beta"))
    finally:
        kill_and_see_it_gone(pid)
        undo_provision("victim")
    consistent()
