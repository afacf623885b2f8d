"""What exporting, importing and cloning would do, and what they did."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sharding.schemas.services.fingerprint import Part
from sharding.schemas.services.transfer import SequenceValue, TableShape
from tenants.archives.manifest import LeftBehind, Manifest
from tenants.services.types import ProvisionPlan, ProvisionReceipt


@dataclass(frozen=True, slots=True)
class ExportPlan:
    """What an archive would hold.

    Attributes:
        database_bytes: of the tables and their indexes; rows as text, packed, are far fewer.
        left_behind: what would not be in it; rows are not counted.
    """

    tenant_id: str
    slug: str
    shard: str
    tables: int
    database_bytes: int
    files: int
    file_bytes: int
    left_behind: tuple[LeftBehind, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {name: getattr(self, name) for name in self.__slots__} | {
            "left_behind": [{"table": one.table, "why": one.why} for one in self.left_behind]
        }


@dataclass(frozen=True, slots=True)
class ExportReceipt:
    """An archive that was written.

    Attributes:
        digest: names it; whoever keeps this apart from the file sees that nobody has changed it.
    """

    file: Path
    file_bytes: int
    digest: str
    manifest: Manifest

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        manifest = self.manifest
        return {
            "file": str(self.file),
            "file_bytes": self.file_bytes,
            "digest": self.digest,
            **summary(manifest),
        }


@dataclass(frozen=True, slots=True)
class ArrivalPlan:
    """What an import or a clone would do.

    Attributes:
        source: what it comes from, in words.
        upgrades: migrations that the code has and the source has not; they run after the rows
            are in.
        not_taken_over: what is wanted of the source's place and not of the new one's, in words.
    """

    source: str
    provision: ProvisionPlan
    upgrades: tuple[str, ...]
    left_behind: tuple[LeftBehind, ...]
    not_taken_over: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "source": self.source,
            **self.provision.to_json(),
            "labels": sorted(self.provision.request.needs),
            "not_taken_over": list(self.not_taken_over),
            "upgrades": list(self.upgrades),
            "left_behind": [{"table": one.table, "why": one.why} for one in self.left_behind],
        }


@dataclass(frozen=True, slots=True)
class ArrivalReceipt:
    """A tenant that came out of an archive or of another tenant.

    Attributes:
        rows, files: that it came with; 0 if it was there already.
        labels: that its shard must have, now.
        not_taken_over: as of the plan.
    """

    source: str
    provision: ProvisionReceipt
    rows: int
    files: int
    labels: tuple[str, ...]
    not_taken_over: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "source": self.source,
            **self.provision.to_json(),
            "rows": self.rows,
            "files": self.files,
            "labels": sorted(self.labels),
            "not_taken_over": list(self.not_taken_over),
        }


@dataclass(frozen=True, slots=True)
class Filling:
    """What a schema is filled with.

    Attributes:
        what: the source, in words.
        parts, major: its structure, and the PostgreSQL that printed it.
        tables: all whose rows travel, those without rows too.
        hash_of: what a table must hold in the end (`ContentHash` as text).
        advice: what to say when rows do not fit.
    """

    what: str
    parts: Sequence[Part]
    major: int
    tables: Sequence[TableShape]
    sequences: Sequence[SequenceValue]
    hash_of: Callable[[TableShape], str]
    advice: str = ""


def summary(manifest: Manifest) -> dict[str, Any]:
    """What is said of an archive."""
    return {
        "made_at": manifest.made_at,
        "versions": dict(manifest.versions),
        "tenant_id": manifest.tenant.id,
        "slug": manifest.tenant.slug,
        "domains": list(manifest.tenant.domains),
        "state": manifest.structure.digest,
        "tables": len(manifest.tables),
        "rows": manifest.total_rows,
        "files": manifest.files.files,
        "missing_files": list(manifest.files.missing),
        "left_behind": {one.table: one.rows for one in manifest.left_behind},
    }
