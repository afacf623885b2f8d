"""Write one tenant into one file, as it is at one moment, while it goes on working."""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import astuple
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import django
from django.db import transaction

from sharding.placements.models import CONTROL
from sharding.placements.services.audit import record_audit
from sharding.registry import current as addresses
from sharding.schemas.services.content_hash import content_hash
from sharding.schemas.services.describe import describe
from sharding.schemas.services.fingerprint import digest_of
from sharding.schemas.services.transfer import copy_out, read_sequences
from tenants.archives import layout
from tenants.archives.errors import FileVanished
from tenants.archives.folders import walk
from tenants.archives.manifest import (
    FilesFacts,
    Manifest,
    SequenceFacts,
    StructureFacts,
    TableFacts,
    TenantFacts,
)
from tenants.archives.manifest import digest_of as digest_of_bytes
from tenants.archives.services.source import Source, opened
from tenants.archives.types import ExportPlan, ExportReceipt
from tenants.archives.writing import ArchiveWriter
from tenants.models import Domain, Tenant
from tenants.services.finding import find_tenant

Tell = Callable[[str], None]

PURPOSE = "export"


def silent(line: str) -> None:
    """Tell nobody."""


def plan_export(name: str) -> ExportPlan:
    """What an archive of the tenant would hold. Changes nothing.

    Raises:
        UnknownSlug, WrongTenantState, LeaseHeld, CannotArchive, ServerUnreachable: as
            export_tenant, before it writes anything.
    """
    tenant = find_tenant(name)
    with opened(tenant, PURPOSE) as source:
        sizes = [os.fstat(each.fileno()).st_size for _, each in walk(source.folder, tenant.slug)]
        place = source.placement
        described = describe(addresses.shard(place.shard), place.schema)
        return ExportPlan(
            tenant_id=tenant.id,
            slug=tenant.slug,
            shard=place.shard,
            tables=len(source.tables),
            database_bytes=described.bytes,
            files=len(sizes),
            file_bytes=sum(sizes),
            left_behind=source.left_behind(),
        )


def export_tenant(name: str, file: Path, *, tell: Tell = silent) -> ExportReceipt:
    """Write the tenant into `file`, which must not be there yet.

    All rows are those of one moment. Files are those that were there at that moment; one that is
    deleted before it is copied makes the export fail rather than the archive incomplete.

    Memory: a few megabytes, or a table's longest row.
    Locks: the tenant's lease; whoever wants to migrate, move or delete it has to wait.
    Transaction: one on the shard, read-only; forbids an open one on control.
    Idempotent: a run that was cut off leaves `FILE.part`, which the next writes over.

    Raises:
        UnknownSlug, WrongTenantState, ArchiveFileTaken, CannotArchive: nothing was written.
        LeaseHeld, FileVanished, ServerUnreachable: run it again.
    """
    tenant = find_tenant(name)
    with opened(tenant, PURPOSE) as source, ArchiveWriter(file) as writer:
        missing = source.missing_files()
        tell(f"files of {tenant.slug}")
        for name_of_file, opened_file in walk(source.folder, tenant.slug):
            if not writer.add_file(name_of_file, opened_file):
                raise FileVanished(tenant.slug, [name_of_file])
        tables = tuple(_tables(source, writer, tell))
        parts = json.dumps([astuple(part) for part in source.parts]).encode()
        writer.add(layout.STRUCTURE_MEMBER, parts)
        if vanished := set(source.missing_files()) - set(missing):
            raise FileVanished(tenant.slug, sorted(vanished))
        manifest = _manifest(source, tables, writer.files(missing), digest_of_bytes(parts))
        digest = writer.finish(manifest)
    with transaction.atomic(using=CONTROL):
        told = {"digest": digest, "rows": manifest.total_rows, "files": manifest.files.files}
        record_audit("tenant.export", tenant.id, after=told)
    return ExportReceipt(file, file.stat().st_size, digest, manifest)


def _tables(source: Source, writer: ArchiveWriter, tell: Tell) -> Iterator[TableFacts]:
    connection, schema = source.connection, source.placement.schema
    for number, table in enumerate(source.tables, start=1):
        found = content_hash(connection, schema, table)
        with writer.rows(number) as rows:
            for block in copy_out(connection, schema, table):
                rows.write(block)
        if found.rows:
            tell(f"{table.name}: {found.rows} rows")
        yield TableFacts(
            name=table.name,
            columns=table.columns,
            types=table.types,
            rows=found.rows,
            content_hash=str(found),
            chunks=rows.chunks,
            bytes=rows.bytes,
            sha256=rows.sha256,
        )


def _manifest(
    source: Source, tables: tuple[TableFacts, ...], files: FilesFacts, structure: str
) -> Manifest:
    tenant = source.tenant
    sequences = read_sequences(source.connection, source.placement.schema)
    return Manifest(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        versions={
            "atoll": version("atoll"),
            "django": django.get_version(),
            "postgresql": str(source.connection.info.server_version),
        },
        tenant=TenantFacts(
            id=tenant.id,
            slug=tenant.slug,
            name=tenant.name,
            domains=hosts_of(tenant),
            state=tenant.state,
        ),
        structure=StructureFacts(
            migrations=tuple(f"{app}.{name}" for app, name in source.migrations),
            digest=source.state.digest,
            fingerprint=digest_of(source.parts),
            major=source.major,
            sha256=structure,
        ),
        tables=tables,
        left_behind=source.left_behind(),
        sequences=tuple(SequenceFacts(one.name, one.last_value, one.called) for one in sequences),
        files=files,
    )


def hosts_of(tenant: Tenant) -> tuple[str, ...]:
    """All hosts of a tenant, the primary one first."""
    rows = Domain.objects.using(CONTROL).filter(tenant=tenant).order_by("-is_primary", "domain")
    return tuple(rows.values_list("domain", flat=True))
