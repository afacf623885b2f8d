"""What moves have left behind, with the names by which people know tenants."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from sharding.moves.core.diagnosis import Finding
from sharding.moves.services.examining import examine
from sharding.moves.services.mending import mend
from sharding.moves.services.work import Tell
from tenants.moving.services import slugs_of


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found, and what became of it.

    Attributes:
        slugs: of the tenants that findings are about.
        mended: what is well again.
        why_not: of what could not be mended, by shard and subject.
    """

    findings: tuple[Finding, ...]
    slugs: Mapping[str, str]
    mended: tuple[Finding, ...] = ()
    why_not: Mapping[tuple[str, str], str] = field(default_factory=dict)

    @property
    def left(self) -> tuple[Finding, ...]:
        """What is still wrong."""
        return tuple(one for one in self.findings if one not in self.mended)

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "findings": [
                {
                    **asdict(one),
                    "slug": self.slugs.get(one.tenant_id, ""),
                    "mended": one in self.mended,
                    "why_not": self.why_not.get((one.shard, one.subject), ""),
                }
                for one in self.findings
            ]
        }


def examined(shards: Collection[str] = ()) -> Seen:
    """Look at control and all shards, or these. Changes nothing.

    Raises:
        NoSuchShard: there is none of that name.
    """
    findings = examine(shards)
    return Seen(findings, slugs_of({one.tenant_id for one in findings}))


def mended(seen: Seen, *, tell: Tell) -> Seen:
    """Do what the doctor offers. Idempotent."""
    done = mend(seen.findings, tell=tell)
    return replace(
        seen,
        mended=tuple(one.finding for one in done if not one.why_not),
        why_not={(one.finding.shard, one.finding.subject): one.why_not for one in done},
    )
