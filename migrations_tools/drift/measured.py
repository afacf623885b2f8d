"""Judge what was measured of schemas, one by one. Pure."""

from collections.abc import Iterator
from typing import Final

from migrations_tools.drift.types import Finding, Kind, Measured
from sharding.schemas.types import Marker

_TOLD: Final = 10
"""Differences of one schema that are told one by one."""


def judge(marker: Marker, measured: Measured, *, major: int) -> Iterator[Finding]:
    """What a schema's marker says of it, its image and control's ids, against what it is."""

    def finding(kind: Kind, what: str, mend: str) -> Finding:
        return Finding(kind, measured.schema, measured.shard, what, mend)

    name = measured.schema
    if measured.problem:
        yield finding(
            Kind.NOT_MEASURED,
            f"Schema {name} could not be measured: {measured.problem}",
            f"manage.py check_drift --full --tenant {name}",
        )
        return
    if measured.lacks:
        yield finding(
            Kind.FURNITURE_WRONG,
            f"Schema {name}: {'; '.join(measured.lacks)}.",
            f"manage.py mend_schema {name} (what it cannot mend, it names)",
        )
    # A marker without a digest is one of a schema whose first build is not through.
    if marker.digest is not None and marker.digest != measured.digest:
        yield finding(
            Kind.STATE_WRONG,
            f"Schema {name} is marked as at {marker.digest[:12]}, and its django_migrations says "
            f"{measured.digest[:12]}: migrations were recorded or taken away by hand.",
            f"Look with manage.py tenant_command -t {name} showmigrations; then: manage.py "
            f"mend_schema {name}",
        )
    if _was_changed(marker, measured, major):
        yield finding(
            Kind.STRUCTURE_CHANGED,
            f"Schema {name} has another structure than it is marked with: somebody changed tables "
            f"by hand. {_how(measured)}",
            f"Undo it, or accept it: manage.py mend_schema {name}",
        )
    elif wanted_structure(marker, measured, major=major):
        yield finding(
            Kind.STRUCTURE_UNLIKE_IMAGE,
            f"Schema {name} has the migrations of an image and another structure: it migrates by "
            f"itself, slowly. {_how(measured)}",
            "Mend it with a migration or by hand.",
        )
    if measured.wrong_ids:
        yield finding(
            Kind.IDS_WRONG,
            f"Schema {name} has content types or permissions with other ids than control says: "
            f"{', '.join(measured.wrong_ids[:5])}"
            + (f" and {len(measured.wrong_ids) - 5} more." if len(measured.wrong_ids) > 5 else "."),
            f"manage.py give_global_ids {name}",
        )


def wanted_structure(marker: Marker, measured: Measured, *, major: int) -> str:
    """The fingerprint that a schema should have; empty where nothing else is wanted of it."""
    if measured.problem:
        return ""
    if _was_changed(marker, measured, major):
        return marker.fingerprint or ""
    if measured.image is not None and measured.image != measured.fingerprint:
        return measured.image
    return ""


def _was_changed(marker: Marker, measured: Measured, major: int) -> bool:
    return (
        marker.fingerprint is not None
        and marker.major == major
        and marker.fingerprint != measured.fingerprint
    )


def _how(measured: Measured) -> str:
    if not measured.model:
        return "No other schema of its shard is as it should be, to name what differs."
    more = len(measured.differs) - _TOLD
    return f"Beside {measured.model}: {' '.join(measured.differs[:_TOLD])}" + (
        f" And {more} more." if more > 0 else ""
    )
