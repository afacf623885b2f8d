"""What the catalogue refuses.

CatalogError
├── NoSuchRow
├── NotRetired
├── RowInUse
└── ShardsNotAsked
"""

from collections.abc import Collection
from typing import ClassVar

from sharding.placements.services.reference import ShardOutcome
from sharding.schemas.services.reference_uses import Use
from tenants.errors import TenantError

_SHOWN = 10


class CatalogError(TenantError):
    """A reference row cannot be changed so."""

    code: ClassVar[str] = "catalog"


class NoSuchRow(CatalogError):
    """There is no such reference row, or no such reference model that has rows to retire."""

    code = "catalog.unknown"

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what}: {why} Nothing was changed.")


class NotRetired(CatalogError):
    """A row that is still offered cannot be removed."""

    code = "catalog.not_retired"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"{what} is not retired: tenants may choose it at this moment. Retire it first, and "
            "remove it when nobody uses it any more. Nothing was changed."
        )


class RowInUse(CatalogError):
    """Tenants' rows refer to a reference row."""

    code = "catalog.in_use"

    def __init__(self, what: str, uses: Collection[Use]) -> None:
        self.uses = tuple(uses)
        some = "; ".join(
            f"{use.rows} in {use.table}.{use.column} of {use.schema} on {use.shard}"
            for use in self.uses[:_SHOWN]
        )
        more = f"; and {len(self.uses) - _SHOWN} more" * (len(self.uses) > _SHOWN)
        super().__init__(f"{what} is used by tenants' rows: {some}{more}. It stays, retired.")


class ShardsNotAsked(CatalogError):
    """Whether a reference row is used cannot be said while a shard does not answer."""

    code = "catalog.shards_away"
    retryable = True

    def __init__(self, what: str, silent: Collection[ShardOutcome]) -> None:
        self.shards = tuple(outcome.shard for outcome in silent)
        why = "; ".join(f"{outcome.shard}: {outcome.problem}" for outcome in silent)
        super().__init__(
            f"Nobody can say who uses {what}, because not every shard answers with the newest "
            f"snapshot ({why}). Nothing was changed; try again when they are back."
        )
