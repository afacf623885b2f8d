"""Adopt a schema: provisioning whose building is a take-over."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

import psycopg

from migrations_tools.images.services.find_image import body_of, find_wanted_image
from migrations_tools.images.templates import Template, fill, run_migrations, template
from migrations_tools.services.build_schema import build_schema
from sharding import scope
from sharding.placements.services.audit import record_audit
from sharding.placements.services.reference import bring_newest
from sharding.registry.types import Server
from sharding.schemas import names
from sharding.schemas.connections import Connection, Patience, own_connection
from sharding.schemas.preparation.look import look
from sharding.schemas.services.fingerprint import digest_of, structure
from sharding.schemas.services.markers import read_marker, set_state
from tenants.adoption.errors import (
    AdministratorMayNot,
    AdoptionError,
    CannotAdopt,
    NothingToAdopt,
)
from tenants.adoption.services.likeness import how_it_differs, take_names
from tenants.adoption.services.take_over import PATIENCE, Taking, connected, survey_and_plan
from tenants.adoption.services.taken import ADOPTED_FROM, is_taken
from tenants.adoption.types import (
    SHARED,
    Admin,
    AdoptionPlan,
    AdoptionReceipt,
    AdoptionRequest,
    TakeOver,
)
from tenants.errors import TenantError
from tenants.services.provision import plan_provision, provision_tenant
from tenants.services.types import ProvisionPlan, ProvisionRequest
from tenants.services.undo import undo_provision

Tell = Callable[[str], None]

_OURS: Final = frozenset({SHARED, names.SUPPORT, names.REFERENCE, names.EXTENSIONS})


def plan_adoption(
    request: AdoptionRequest, admin: Admin
) -> tuple[ProvisionPlan, AdoptionPlan | None]:
    """What `adopt_tenant` would do now; no second part once the schema is taken over.

    Changes nothing.

    Raises:
        NothingToAdopt: there is no such schema, or it is ours.
        TenantError, PlacementError: as plan_provision.
        ServerUnreachable: the administrator cannot connect.
    """
    provision = plan_provision(_wanted(request, AdoptedContents(request, admin)))
    if provision.tenant_id and is_taken(admin.server, provision.tenant_id):
        return provision, None
    with connected(admin) as connection:
        return provision, _plan(connection, request)


def adopt_tenant(
    request: AdoptionRequest, admin: Admin, *, tell: Tell = lambda line: None
) -> AdoptionReceipt:
    """Make an existing schema a tenant, or finish making it one.

    The take-over is one transaction on the shard, and the point of no return: before it the
    schema is as it was and the claim can be taken back, after it the same command goes on.

    Locks: the tenant's lease; ACCESS EXCLUSIVE on the schema's tables during the take-over.
    Transaction: opens its own; forbids an open one.
    Idempotent: by slug, for the same request.

    Raises:
        NothingToAdopt, CannotAdopt: nothing was changed.
        SchemaInUse, AdoptionChanged, TakeOverFailed: the schema is as it was; run it again.
        TenantError, PlacementError: as provision_tenant.
    """
    contents = AdoptedContents(request, admin)
    _, plan = plan_adoption(request, admin)
    if plan is not None and plan.problems:
        raise CannotAdopt(request.schema, plan.problems)
    try:
        receipt = provision_tenant(_wanted(request, contents), tell=tell)
    except AdoptionError as error:
        if not error.retryable:
            tell(f"taking {request.slug} back")
            with suppress(TenantError):
                undo_provision(request.slug)
        raise
    return AdoptionReceipt(
        tenant_id=receipt.tenant_id,
        slug=receipt.slug,
        hosts=receipt.hosts,
        shard=receipt.placement.shard,
        schema=request.schema,
        adopted=receipt.created,
        taken=contents.taken,
        migrated=contents.migrated,
        renamed=contents.renamed,
        differs=contents.differs,
    )


@dataclass(slots=True)
class AdoptedContents:
    """A tenant that begins with a schema which is there already.

    Attributes:
        steps: none: what runs in new tenants was done in this one long ago.
        heir_of: nobody's: it was no tenant here before.
        needs: nothing beside its shard, where it lies.
        taken, migrated, renamed, differs: what building it did.
    """

    request: AdoptionRequest
    admin: Admin
    steps: tuple[str, ...] = ()
    heir_of: str = ""
    needs: tuple[str, ...] = ()
    taken: TakeOver | None = None
    migrated: tuple[str, ...] = ()
    renamed: int = 0
    differs: tuple[str, ...] = field(default=())

    def asked(self) -> dict[str, Any]:
        """What tells this adoption from another one."""
        return {
            ADOPTED_FROM: self.request.schema,
            "also": [list(one) for one in sorted(self.request.also)],
        }

    def build(self, placement: scope.Placement, tell: Tell) -> None:
        """Take the schema over, bring it to the state of the code, compare it with that.

        Idempotent: a schema that is taken over is gone on with.
        """
        server = self.admin.server
        if not is_taken(server, placement.schema):
            # Its content types and permissions get the ids that control has now.
            bring_newest(server)
            with connected(self.admin) as connection:
                self._take(connection, placement, tell)
        tell("migrating it")
        self.migrated = build_schema(placement, tell=tell).migrations
        tell("comparing it with the code's structure")
        self._compare(server, placement.schema)
        record_audit(
            "tenant.adopt",
            placement.tenant_id,
            before={"schema": self.request.schema, "shard": placement.shard},
            after={"migrated": list(self.migrated), "differs": list(self.differs)},
        )

    def _take(self, connection: Connection, placement: scope.Placement, tell: Tell) -> None:
        plan = _plan(connection, self.request)
        if plan.problems:
            raise CannotAdopt(self.request.schema, plan.problems)
        with template(self.admin.server) as donor:
            tell("making what it lacks")
            _fill(donor)
            self.taken = Taking(
                connection,
                self.admin,
                plan,
                donor=donor.name,
                tenant_id=placement.tenant_id,
                also=self.request.also,
                tell=tell,
            ).run()

    def _compare(self, server: Server, schema: str) -> None:
        with template(server) as made:
            _fill(made)
            wanted = structure(made.raw, made.name)
            with own_connection(server, Patience(statement=PATIENCE.statement)) as connection:
                with connection.transaction():
                    self.renamed = take_names(connection, schema, made.name)
                with connection.transaction():
                    self.differs = how_it_differs(connection, schema, wanted)
                    marker = read_marker(connection, schema)
                    if marker is not None and marker.digest is not None:
                        set_state(
                            connection,
                            schema,
                            digest=marker.digest,
                            fingerprint=digest_of(structure(connection, schema)),
                            major=made.major,
                        )


def _wanted(request: AdoptionRequest, contents: AdoptedContents) -> ProvisionRequest:
    return ProvisionRequest(
        slug=request.slug,
        name=request.name,
        shard=request.shard,
        domains=request.domains,
        contents=contents,
    )


def _plan(connection: Connection, request: AdoptionRequest) -> AdoptionPlan:
    schema, shard = request.schema, request.shard
    if schema in _OURS or schema.startswith("pg_"):
        raise NothingToAdopt(shard, schema, "it belongs to the platform or to PostgreSQL")
    facts = look(connection)
    if facts.shard != shard:
        raise NothingToAdopt(
            shard, schema, f"the administrator's connection leads to {facts.shard or 'no shard'}"
        )
    try:
        if read_marker(connection, schema) is not None:
            raise NothingToAdopt(shard, schema, "it is a tenant's schema already")
        plan = survey_and_plan(connection, shard, schema)
    except psycopg.errors.InsufficientPrivilege as error:
        raise AdministratorMayNot(shard, connection.info.user, str(error)) from error
    unknown = {table for table, _ in request.also} - set(plan.from_shared)
    if unknown:
        listed = ", ".join(sorted(unknown))
        raise NothingToAdopt(
            shard,
            schema,
            f"--also names {listed}, and only these tables come from {SHARED}: "
            f"{', '.join(plan.from_shared) or 'none'}",
        )
    return plan


def _fill(made: Template) -> None:
    """Bring a template to the state of the code, in the quickest way there is."""
    image = find_wanted_image(made.major)
    if image is not None:
        fill(made, body_of(image))
    else:
        run_migrations(made)
