"""Make a tenant that is the copy of another one, on any shard."""

import dataclasses
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from migrations_tools.states import pending_between
from sharding import scope
from sharding.placements.services.audit import record_audit
from sharding.rebalance.services.wishes import wishes_of
from sharding.schemas.services.content_hash import content_hash
from sharding.schemas.services.transfer import TableShape, copy_out, read_sequences
from tenants.archives.conf import archive_settings
from tenants.archives.errors import FileVanished
from tenants.archives.folders import blocks_of, folder_of, walk, write
from tenants.archives.services.arriving import arrive, finish
from tenants.archives.services.building import build_at
from tenants.archives.services.filling import fill
from tenants.archives.services.source import Source, opened
from tenants.archives.types import ArrivalPlan, ArrivalReceipt, Filling
from tenants.archives.wishes import NO_LABEL, not_taken_over
from tenants.services.files import clear_files
from tenants.services.finding import find_tenant
from tenants.services.provision import plan_provision
from tenants.services.types import AUTO, ProvisionRequest

Tell = Callable[[str], None]

PURPOSE = "clone"


def silent(line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class CloneRequest:
    """A tenant that shall be copied.

    Attributes:
        of: slug or id of the one to copy.
        name: what people call the copy; empty for its slug.
        domains: further hosts of the copy.
        labels: what its shard must have; empty: what the original's must; NO_LABEL: nothing.
    """

    of: str
    slug: str
    name: str = ""
    shard: str = AUTO
    domains: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


@dataclass(slots=True)
class ClonedContents:
    """What a tenant that is seen at one moment gives a new one.

    Attributes:
        needs: labels that the shard of its rows must have.
        rows, files: that it has given; 0 if the new one was there already.
    """

    source: Source
    needs: tuple[str, ...] = ()
    rows: int = field(default=0, init=False)
    files: int = field(default=0, init=False)

    @property
    def steps(self) -> tuple[str, ...]:
        """TENANT_ARRIVAL_STEPS."""
        return archive_settings().arrival_steps

    @property
    def heir_of(self) -> str:
        """Nobody: the original keeps what it gave up."""
        return ""

    def asked(self) -> dict[str, Any]:
        """The tenant by its id: what it holds may have changed since a run that was cut off."""
        return {"clone_of": self.source.tenant.id}

    def build(self, placement: scope.Placement, tell: Tell) -> None:
        """Files first, then the schema with its rows, then migrations that are newer than it.

        Raises:
            CannotRestore: it can never succeed.
            FileVanished: run it again.
        """
        source = self.source
        clear_files(placement)
        tell(f"files of {source.tenant.slug}")
        missing = source.missing_files()
        self.files = self._copy_files(placement)
        build_at(placement, source.state, tell=tell)
        self.rows = fill(placement, self._filling(), self._rows(), tell=tell)
        if vanished := set(source.missing_files()) - set(missing):
            raise FileVanished(source.tenant.slug, sorted(vanished))
        finish(placement, tell=tell)

    def _copy_files(self, placement: scope.Placement) -> int:
        source, copied = self.source, 0
        target = folder_of(placement, source.tenant.slug)
        for name, opened_file in walk(source.folder, source.tenant.slug):
            facts = os.fstat(opened_file.fileno())
            blocks = blocks_of(opened_file)
            write(target, name, blocks, modified_at=facts.st_mtime)
            copied += 1
        return copied

    def _rows(self) -> Iterator[tuple[TableShape, Iterator[bytes]]]:
        schema = self.source.placement.schema
        for table in self.source.tables:
            yield table, copy_out(self.source.connection, schema, table)

    def _filling(self) -> Filling:
        source = self.source
        schema = source.placement.schema
        return Filling(
            what=f"Tenant {source.tenant.slug!r}",
            parts=source.parts,
            major=source.major,
            tables=source.tables,
            sequences=read_sequences(source.connection, schema),
            hash_of=lambda table: str(content_hash(source.connection, schema, table)),
        )


def plan_clone(request: CloneRequest) -> ArrivalPlan:
    """What `clone_tenant` would do now. Changes nothing.

    Raises:
        TenantError, PlacementError: as clone_tenant, before it changes anything.
    """
    with opened(find_tenant(request.of), PURPOSE) as source:
        return _plan(request, source)


def clone_tenant(request: CloneRequest, *, tell: Tell = silent) -> ArrivalReceipt:
    """Make a tenant that holds what another one holds at this moment, or finish making it.

    The original goes on working. Nobody is served by the copy before all is there and compared.

    Memory: a few megabytes, or a table's longest row.
    Locks: the leases of both.
    Transaction: as provision_tenant, and one on the original's shard, read-only.
    Idempotent: by slug, for the same original; a run that was cut off begins with the original as
        it is by then.

    Raises:
        UnknownSlug, WrongTenantState, CannotArchive: nothing was changed.
        LeaseHeld: somebody changes the original just now; nothing was changed.
        CannotRestore: nothing is left of the copy.
        TenantError, PlacementError: as provision_tenant.
    """
    with opened(find_tenant(request.of), PURPOSE) as source:
        plan = _plan(request, source)
        wanted = dataclasses.replace(plan.provision.request, shard=plan.provision.shard)
        receipt = arrive(wanted, tell=tell)
        if receipt.created:
            record_audit("tenant.clone", source.tenant.id, after={"into": receipt.tenant_id})
        contents = wanted.contents
        assert isinstance(contents, ClonedContents), "_wanted has made it"
        return ArrivalReceipt(
            plan.source,
            receipt,
            rows=contents.rows,
            files=contents.files,
            labels=wishes_of(receipt.tenant_id).labels,
            not_taken_over=plan.not_taken_over,
        )


def _plan(request: CloneRequest, source: Source) -> ArrivalPlan:
    tenant, place = source.tenant, source.placement
    wanted = _wanted(request, source)
    return ArrivalPlan(
        source=f"{tenant.slug} ({tenant.id}) on {place.shard}",
        provision=plan_provision(wanted),
        upgrades=tuple(f"{one.app_label}.{one.name}" for one in pending_between(source.state)),
        left_behind=source.left_behind(),
        not_taken_over=not_taken_over(tenant.id, tenant.slug, wanted.needs),
    )


def _wanted(request: CloneRequest, source: Source) -> ProvisionRequest:
    asked = request.labels
    return ProvisionRequest(
        slug=request.slug,
        name=request.name,
        shard=request.shard,
        domains=request.domains,
        # Not asked for, so that a run that was cut off is known again when the pin has changed.
        contents=ClonedContents(source, () if asked else wishes_of(source.tenant.id).labels),
        labels=() if asked == (NO_LABEL,) else asked,
    )
