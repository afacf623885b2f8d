"""Making tenants: wrong input, crashes at any point, two at once, shards that are down."""

import dataclasses
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import Group

from accounts.models import User
from sharding import scope
from sharding.placements.models import AuditEntry, Placement, ReservedRole
from sharding.registry import current as registry
from sharding.schemas.connections import own_connection
from tenants import errors
from tenants.models import Domain, Provisioning, RetiredSlug, Tenant
from tenants.services.change_slug import change_slug, purge_retired_slugs
from tenants.services.provision import plan_provision, provision_tenant
from tenants.services.types import ProvisionRequest
from tenants.services.undo import plan_undo, undo_provision
from tests.faults.down import REFUSAL_AND_SILENCE_FIRST
from tests.fixtures.waiting import kill_and_see_it_gone
from tests.integration.tenants.victim import EMAIL, PASSWORD

SCHEMAS = "SELECT nspname FROM pg_namespace WHERE nspname ~ '^t[0-9a-z]{6,}$' ORDER BY 1"
MARKERS = "SELECT schema::text, phase FROM atoll.tenant_schema ORDER BY 1"


def everything():
    """What there is of tenants, in control and on the shards."""
    found = {
        model.__name__: sorted(model.objects.using("control").values_list("pk", flat=True))
        for model in (Tenant, Domain, Placement, Provisioning, RetiredSlug)
    }
    for name in ("alpha", "beta"):
        with own_connection(registry.shard(name)) as connection:
            found[name] = connection.execute(SCHEMAS).fetchall()
            found[f"{name} markers"] = connection.execute(MARKERS).fetchall()
    return found


def halves():
    """Schemas without a placement, and placements without a schema."""
    placements = Placement.objects.using("control")
    found = set()
    for name in ("alpha", "beta"):
        with own_connection(registry.shard(name)) as connection:
            there = {row[0] for row in connection.execute(SCHEMAS)}
        found |= there ^ set(placements.filter(shard=name).values_list("schema", flat=True))
    return found


@pytest.fixture(scope="module")
def consistent(tenants):
    """Asks that there is no half of a tenant, but for those that tests of others have left."""
    others = halves()

    def ask():
        assert halves() == others

    return ask


def taken_back(slug):
    """Take a finished tenant away again, so that tests do not count each other's."""
    from sharding.placements.services.placing import delete_placement, set_placement_state
    from sharding.placements.states import PlacementState
    from sharding.schemas.services.drop_schema import drop_schema

    tenant = Tenant.objects.using("control").get(slug=slug)
    placement = Placement.objects.using("control").get(tenant_id=tenant.id)
    set_placement_state(tenant.id, PlacementState.DROPPING)
    drop_schema(registry.shard(placement.shard_id), placement.schema)
    delete_placement(tenant.id)
    tenant.delete(using="control")


@pytest.fixture(scope="module")
def victims(tenants) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.tenants.victim"],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings.test"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as running:
        yield running
        running.communicate()


@pytest.fixture
def begin(victims, tmp_path):
    """Begin to make a tenant in another process, and wait until it is at some point."""
    begun = []

    def begin(point, slug):
        file = tmp_path / "point"
        victims.stdin.write(f"{point}\t{file}\t{slug}\n")
        victims.stdin.flush()
        begun.append(int(victims.stdout.readline()))
        deadline = time.monotonic() + 30
        while not file.exists():
            assert time.monotonic() < deadline, f"the victim never came to {point!r}"
            time.sleep(0.02)
        return begun[-1]

    yield begin
    for pid in begun:
        kill_and_see_it_gone(pid)


@pytest.fixture
def killed_at(begin):
    def killed_at(point, slug):
        kill_and_see_it_gone(begin(point, slug))

    return killed_at


def test_a_tenant_is_made_where_it_was_asked_for(ann, cyd, consistent):
    assert (ann.place.shard, cyd.place.shard) == ("alpha", "beta")
    assert ann.place.schema == ann.id
    with ann.scope():
        assert [user.email for user in User.objects.all()] == [ann.email]
        assert User.objects.get().check_password(PASSWORD)
    # Its epoch may have grown since: other tests suspend it and open it again.
    found = scope.resolve(ann.id)
    assert (found.shard, found.schema) == (ann.place.shard, ann.place.schema)
    actions = AuditEntry.objects.using("control").filter(subject=ann.id)
    assert {"tenant.claim", "placement.create", "tenant.open"} <= {a.action for a in actions}
    assert PASSWORD not in str(list(actions.values()))
    consistent()


def test_saving_and_deleting_rows_touches_no_schema(tenants):
    before = everything()
    tenant = Tenant.objects.using("control").get(slug="ann")
    tenant.save(using="control")
    with pytest.raises(TypeError):
        tenant.delete(using="control", force_drop=True)
    with pytest.raises(TypeError):
        tenant.create_schema()
    row = Tenant(id="t0000000000", schema_name="t0000000000", slug="rowonly", name="x")
    row.save(using="control")
    row.delete(using="control")
    assert everything() == before


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (ProvisionRequest(slug="Acme"), errors.InvalidSlug),
        (ProvisionRequest(slug="../etc"), errors.InvalidSlug),
        (ProvisionRequest(slug="a'b"), errors.InvalidSlug),
        (ProvisionRequest(slug="a%b"), errors.InvalidSlug),
        (ProvisionRequest(slug="é" * 40), errors.InvalidSlug),
        (ProvisionRequest(slug="console"), errors.InvalidSlug),
        (ProvisionRequest(slug="ann", shard="beta"), errors.SlugTaken),
        (ProvisionRequest(slug="ann", name="Somebody else"), errors.SlugTaken),
        (ProvisionRequest(slug="new", shard="gamma"), Exception),
        (ProvisionRequest(slug="new", domains=("ann.localhost",)), errors.InvalidDomain),
        (ProvisionRequest(slug="new", domains=("localhost",)), errors.InvalidDomain),
        (ProvisionRequest(slug="new", domains=("..",)), errors.InvalidDomain),
        (ProvisionRequest(slug="new", domains=("taken.example",)), errors.DomainTaken),
        (ProvisionRequest(slug="new", name="x" * 151), errors.InvalidRequest),
        (ProvisionRequest(slug="new", name="a\0b"), errors.InvalidRequest),
        (ProvisionRequest(slug="new", admin_email="nobody"), errors.InvalidRequest),
        (ProvisionRequest(slug="new", admin_password="x"), errors.InvalidRequest),
        (
            ProvisionRequest(slug="new", admin_email="a@b.example", admin_password="1"),
            errors.InvalidRequest,
        ),
        (ProvisionRequest(slug="resting"), errors.SlugQuarantined),
    ],
    ids=lambda value: getattr(value, "slug", None) and str(value)[17:70],
)
@pytest.mark.parametrize("do", [plan_provision, provision_tenant])
def test_what_cannot_be_made_is_refused_and_nothing_changes(ann, bob, request_, error, do):
    from datetime import timedelta

    from django.utils import timezone

    domain = Domain(domain="taken.example", tenant_id=bob.id, is_primary=False)
    domain.save(using="control")
    resting = RetiredSlug.objects.using("control").create(
        slug="resting", tenant_id=bob.id, until=timezone.now() + timedelta(days=1)
    )
    before = everything()
    try:
        with pytest.raises(error) as caught:
            do(request_)
        assert everything() == before
        assert not ReservedRole.objects.using("control").filter(used_by="new").exists()
        assert str(caught.value)
    finally:
        domain.delete(using="control")
        resting.delete(using="control")


def test_the_same_request_again_changes_nothing(ann):
    before = everything()
    again = provision_tenant(
        ProvisionRequest(
            slug="ann", shard="alpha", admin_email=ann.email, admin_password="another one, long"
        )
    )
    assert (again.created, again.tenant_id) == (False, ann.id)
    assert everything() == before
    with ann.scope():
        assert User.objects.get().check_password(PASSWORD)


def test_control_keeps_no_address_and_knows_the_same_request_by_it_all_the_same(ann, settings):
    kept = Provisioning.objects.using("control").get(tenant_id=ann.id).asked
    assert ann.email not in str(kept)
    assert kept["admin"]
    same = ProvisionRequest(slug="ann", shard="alpha", admin_email=ann.email)
    assert plan_provision(same).done
    with pytest.raises(errors.SlugTaken):
        plan_provision(dataclasses.replace(same, admin_email=f"x{ann.email}"))
    # Another key: without the old one nobody could know it again.
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "another key, as long as keys should be: " + "k" * 40
    assert plan_provision(same).done
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(errors.SlugTaken):
        plan_provision(same)


def test_addresses_that_control_kept_so_far_are_hashed_once(ann):
    hashing = import_module("tenants.migrations.0005_no_address_of_admins")
    rows = Provisioning.objects.using("control").filter(tenant_id=ann.id)
    kept = rows.get().asked
    older = {name: kept[name] for name in kept if name != "admin"}
    rows.update(asked={**older, "admin_email": ann.email})
    for _ in range(2):
        hashing.hash_addresses(apps, None)
        assert rows.get().asked == kept


def test_a_slug_that_was_given_up_rests_but_not_for_its_owner(bob):
    change_slug("bob", "robert")
    try:
        with pytest.raises(errors.SlugQuarantined, match="rests until"):
            plan_provision(ProvisionRequest(slug="bob"))
        assert Domain.objects.using("control").get(tenant_id=bob.id).domain == "robert.localhost"
        with pytest.raises(errors.SlugTaken):
            change_slug("ann", "robert")
    finally:
        change_slug(bob.id, "bob")
    purge_retired_slugs()
    RetiredSlug.objects.using("control").filter(slug="robert").update(until="2001-01-01T00:00Z")
    assert purge_retired_slugs() == 1


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
        assert list(state) in ([], ["provisioning"]) or point == "opened"
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
    from django.test import Client

    from tenants.services.listing import show_tenant

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


def test_of_two_at_once_for_one_slug_one_makes_it_and_the_other_is_told(tenants, begin, consistent):
    pid = begin("built", "victim")
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


def test_of_many_that_begin_at_the_same_instant_one_makes_it(tenants, consistent):
    from django.db import connections

    results: list[object] = []
    barrier = threading.Barrier(4)

    def run():
        barrier.wait(10)
        try:
            results.append(provision_tenant(ProvisionRequest(slug="race", shard="beta")).created)
        except (errors.BeingProvisioned, errors.SlugTaken) as error:
            results.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results.count(True) == 1, results
    assert Tenant.objects.using("control").get(slug="race").state == "active"
    assert not ReservedRole.objects.using("control").filter(used_by="race", placed_at=None)
    consistent()
    taken_back("race")


@pytest.mark.parametrize("how", REFUSAL_AND_SILENCE_FIRST)
def test_a_shard_that_is_down_is_found_out_soon_and_nothing_is_made(tenants, faulty, how):
    before = everything()
    real = registry.registry()
    registry.install(faulty.registry)
    try:
        with faulty.down("beta", how):
            began = time.monotonic()
            with pytest.raises(errors.ShardNotUsable, match="'beta'"):
                provision_tenant(ProvisionRequest(slug="unlucky", shard="beta"))
            assert time.monotonic() - began < 10
            # With `auto` the one that answers is taken.
            assert plan_provision(ProvisionRequest(slug="lucky")).shard == "alpha"
    finally:
        registry.install(real)
    assert everything() == before


@pytest.mark.parametrize("how", REFUSAL_AND_SILENCE_FIRST)
def test_a_shard_that_goes_down_half_way_leaves_something_to_finish(
    tenants, faulty, how, consistent
):
    from tenants.services import provision

    real = registry.registry()
    registry.install(faulty.registry)
    went_down: list[Any] = []

    def tell(line):
        if line.startswith("building") and not went_down:
            went_down.append(faulty.down("beta", how))
            went_down[0].__enter__()

    request_ = ProvisionRequest(slug="halfway", shard="beta")
    try:
        began = time.monotonic()
        with pytest.raises(errors.ProvisionFailed, match="Run the same command again"):
            provision.provision_tenant(request_, tell=tell)
        assert time.monotonic() - began < 40
        went_down[0].__exit__(None, None, None)
        assert Provisioning.objects.using("control").get(tenant__slug="halfway").last_error
        assert provision_tenant(request_).created
    finally:
        registry.install(real)
    consistent()
    taken_back("halfway")


@pytest.mark.direct("its network has no pooler")
def test_a_command_whose_packets_are_dropped_ends_soon_and_makes_nothing(tenants, namespace):
    def create(*words):
        command = [sys.executable, "manage.py", "create_tenant", "dropped", "--shard", "beta"]
        env = {"DJANGO_SETTINGS_MODULE": "config.settings.test"}
        return namespace.run([*command, *words], env=env, timeout=40)

    before = everything()
    with namespace.dropped_packets("beta"):
        began = time.monotonic()
        done = create()
        assert time.monotonic() - began < 30
    assert (done.returncode, done.stdout) == (1, "")
    assert "'beta'" in done.stderr
    assert "Traceback" not in done.stderr
    assert everything() == before
    # In the same place, with nothing dropped, there is nothing against it.
    assert create("--dry-run").returncode == 0


def test_a_step_that_fails_is_told_and_run_again(tenants, settings):
    settings.TENANT_PROVISION_STEPS = ["tests.integration.tenants.test_provision.failing_step"]
    request_ = ProvisionRequest(slug="steps", shard="alpha")
    with pytest.raises(errors.ProvisionFailed, match=r"failing_step: RuntimeError: not today\."):
        provision_tenant(request_)
    settings.TENANT_PROVISION_STEPS = ["tests.integration.tenants.test_provision.good_step"]
    assert provision_tenant(request_).created
    assert ran == ["steps"]
    taken_back("steps")


def test_what_the_server_quotes_of_a_tenants_rows_reaches_neither_control_nor_its_operators(
    tenants, settings
):
    settings.TENANT_PROVISION_STEPS = ["tests.integration.tenants.test_provision.quoted_step"]
    request_ = ProvisionRequest(slug="quoted", shard="alpha")
    with pytest.raises(errors.ProvisionFailed) as caught:
        provision_tenant(request_)
    kept = Provisioning.objects.using("control").get(tenant__slug="quoted").last_error
    for said in (str(caught.value), kept):
        assert 'IntegrityError: duplicate key value violates unique constraint "auth_group' in said
        assert "ann@example.org" not in said
    assert "ann@example.org" in str(caught.value.__cause__), "the server did quote it"
    taken_back("quoted")


ran: list[str] = []


def quoted_step(entry, request):
    for _ in range(2):
        Group.objects.create(name="ann@example.org")


def failing_step(entry, request):
    raise RuntimeError("not today")


def good_step(entry, request):
    assert scope.tenant().tenant_id == entry.tenant_id
    ran.append(request.slug)
