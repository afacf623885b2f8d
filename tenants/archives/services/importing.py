"""Make a tenant out of an archive."""

import dataclasses
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from migrations_tools.loading import rows_of
from migrations_tools.states import State, pending_between, state_of, wanted_state
from sharding import scope
from sharding.rebalance.services.wishes import wishes_of
from sharding.schemas.services.fingerprint import Part
from sharding.schemas.services.transfer import SequenceValue, TableShape
from tenants.archives import reading
from tenants.archives.conf import archive_settings
from tenants.archives.errors import ArchiveDamaged, CannotRestore
from tenants.archives.folders import folder_of, write
from tenants.archives.manifest import Manifest, TableFacts
from tenants.archives.services.arriving import arrive, finish
from tenants.archives.services.building import build_at
from tenants.archives.services.filling import fill
from tenants.archives.types import ArrivalPlan, ArrivalReceipt, Filling
from tenants.archives.wishes import not_taken_over
from tenants.models import CONTROL, RetiredSlug
from tenants.services.files import clear_files
from tenants.services.provision import plan_provision
from tenants.services.types import AUTO, ProvisionRequest

Tell = Callable[[str], None]

_REFERENCE = (
    "If rows of reference tables are missing here, publish these first (`manage.py "
    "publish_reference`)."
)


def silent(line: str) -> None:
    """Tell nobody."""


@dataclass(frozen=True, slots=True)
class ImportRequest:
    """An archive that shall become a tenant.

    Attributes:
        slug: empty for the archive's own.
        name: empty for the archive's own.
        domains: further hosts; those in the archive are not taken by themselves, since each leads
            to one tenant only.
        digest: what the archive must be, as `export_tenant` has printed it; empty for any.
        take_resting: the slug may rest, whoever gave it up: a person has said so.
        labels: what its shard must have.
    """

    file: Path
    slug: str = ""
    name: str = ""
    shard: str = AUTO
    domains: tuple[str, ...] = ()
    digest: str = ""
    take_resting: bool = False
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ArchiveContents:
    """What an archive that was verified gives a new tenant.

    Attributes:
        heir_of: whose slugs it may take while they rest: by itself those of the archive's tenant.
        needs: nothing of its shard; an archive may be from anywhere.
    """

    verified: reading.Verified
    heir_of: str
    needs: tuple[str, ...] = ()

    @property
    def steps(self) -> tuple[str, ...]:
        """TENANT_ARRIVAL_STEPS."""
        return archive_settings().arrival_steps

    def asked(self) -> dict[str, Any]:
        """The archive by its digest: under another name it is the same."""
        return {"archive": self.verified.digest}

    def build(self, placement: scope.Placement, tell: Tell) -> None:
        """Files first, then the schema with its rows, then migrations that are newer than it.

        Raises:
            CannotRestore, ArchiveDamaged: it can never succeed.
        """
        manifest = self.verified.manifest
        clear_files(placement)
        tell(f"files: {manifest.files.files}")
        folder = folder_of(placement, manifest.tenant.slug)
        with reading.files_of(self.verified) as found:
            for member, name, blocks in found:
                write(folder, name, blocks, modified_at=member.modified_at)
        build_at(placement, state_in(self.verified), tell=tell)
        with reading.rows_of(self.verified) as tables:
            rows = ((_shape(facts), blocks) for facts, blocks in tables)
            fill(placement, self._filling(), rows, tell=tell)
        finish(placement, tell=tell)

    def _filling(self) -> Filling:
        manifest = self.verified.manifest
        hashes = {table.name: table.content_hash for table in manifest.tables}
        return Filling(
            what=f"The archive {self.verified.file}",
            parts=_parts(self.verified),
            major=manifest.structure.major,
            tables=tuple(_shape(facts) for facts in manifest.tables),
            sequences=tuple(
                SequenceValue(one.name, one.last_value, one.called) for one in manifest.sequences
            ),
            hash_of=lambda table: hashes[table.name],
            advice=_REFERENCE,
        )


def plan_import(request: ImportRequest) -> tuple[ArrivalPlan, ProvisionRequest]:
    """What `import_tenant` would do now, and its request to provisioning. Changes nothing.

    The archive is read whole.

    Raises:
        NotAnArchive, ArchiveTooNew, ArchiveDamaged, CannotRestore: it cannot be restored here.
        TenantError, PlacementError: as plan_provision.
    """
    verified = reading.verify(request.file)
    if request.digest and request.digest != verified.digest:
        raise ArchiveDamaged(
            request.file, f"it is the archive {verified.digest} and not the one that was named"
        )
    state = state_in(verified)
    manifest = verified.manifest
    slug = request.slug or manifest.tenant.slug
    wanted = ProvisionRequest(
        slug=slug,
        name=request.name or manifest.tenant.name,
        shard=request.shard,
        domains=request.domains,
        contents=ArchiveContents(
            verified, _resting(slug) if request.take_resting else manifest.tenant.id
        ),
        labels=request.labels,
    )
    plan = ArrivalPlan(
        source=told_of(request.file, manifest),
        provision=plan_provision(wanted),
        upgrades=tuple(f"{one.app_label}.{one.name}" for one in pending_between(state)),
        left_behind=manifest.left_behind,
        not_taken_over=not_taken_over(manifest.tenant.id, manifest.tenant.slug, wanted.needs),
    )
    # Under AUTO the best shard may be another one a moment later; the plan is what is done.
    return plan, dataclasses.replace(wanted, shard=plan.provision.shard)


def import_tenant(request: ImportRequest, *, tell: Tell = silent) -> ArrivalReceipt:
    """Make a tenant of an archive, or finish making it.

    The tenant has a new id. Nobody is served before all is there and compared.

    Locks, Transaction: as provision_tenant.
    Idempotent: by slug, for the same archive.

    Raises:
        ArchiveError: nothing is left of the tenant.
        TenantError, PlacementError: as provision_tenant.
    """
    tell(f"reading {request.file}")
    plan, wanted = plan_import(request)
    receipt = arrive(wanted, tell=tell)
    contents = wanted.contents
    assert isinstance(contents, ArchiveContents), "plan_import has made it"
    manifest = contents.verified.manifest
    return ArrivalReceipt(
        source=plan.source,
        provision=receipt,
        rows=manifest.total_rows if receipt.created else 0,
        files=manifest.files.files if receipt.created else 0,
        labels=wishes_of(receipt.tenant_id).labels,
        not_taken_over=plan.not_taken_over,
    )


def state_in(verified: reading.Verified) -> State:
    """The migrations of an archive, if this code has them all.

    Raises:
        CannotRestore: it has not.
        ArchiveDamaged: they are not what their digest says.
    """
    structure = verified.manifest.structure
    rows = [_node(verified, told) for told in structure.migrations]
    state = state_of(rows)
    if state.digest == structure.digest:
        return state
    known = {row for node in wanted_state().nodes for row in rows_of(node)}
    unknown = [f"{app}.{name}" for app, name in rows if (app, name) not in known]
    if not unknown:
        raise ArchiveDamaged(verified.file, "its list of migrations is not what was written")
    raise CannotRestore(
        f"The archive {verified.file}",
        [f"this code does not have the migration {name}" for name in unknown],
        advice="Import it with the release that wrote it, or a later one.",
    )


def told_of(file: Path, manifest: Manifest) -> str:
    """An archive in words."""
    tenant = manifest.tenant
    return f"{file}: {tenant.slug} ({tenant.id}) as it was at {manifest.made_at}"


def _resting(slug: str) -> str:
    """Who gave up the slug; empty if nobody did."""
    row = RetiredSlug.objects.using(CONTROL).filter(slug=slug).first()
    return "" if row is None else row.tenant_id


def _node(verified: reading.Verified, told: str) -> tuple[str, str]:
    app, dot, name = told.partition(".")
    if not dot:
        raise ArchiveDamaged(verified.file, f"{told!r:.80} is no migration")
    return app, name


def _parts(verified: reading.Verified) -> tuple[Part, ...]:
    def found() -> Iterator[Part]:
        for kind, identity, definition in json.loads(verified.structure):
            yield Part(kind, identity, definition)

    try:
        return tuple(found())
    except (ValueError, TypeError) as error:
        raise ArchiveDamaged(verified.file, "its structure cannot be read") from error


def _shape(facts: TableFacts) -> TableShape:
    return TableShape(facts.name, facts.columns, facts.types)
