"""Drift with the names by which people know tenants."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from migrations_tools.drift.services.check import DriftReport, DriftRequest, Tell, check_drift
from migrations_tools.drift.types import Finding
from tenants.models import CONTROL, Tenant
from tenants.services.finding import find_tenant


@dataclass(frozen=True, slots=True)
class NamedReport:
    """What was found, and the slugs of the tenants that it is about."""

    report: DriftReport
    slugs: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        data = self.report.to_json()
        for finding in data["findings"]:
            finding["slug"] = self.slugs.get(finding["subject"])
        return data


def check_tenants(
    *,
    tenants: Collection[str] = (),
    shards: Collection[str] = (),
    full: bool = False,
    tell: Tell = lambda line: None,
) -> NamedReport:
    """Compare directory and shards; `tenants` are slugs or ids.

    Raises:
        UnknownSlug: there is no such tenant.
        NoSuchShard: there is no such shard.
    """
    request = DriftRequest(
        tenants=frozenset(find_tenant(name).id for name in tenants),
        shards=frozenset(shards),
        full=full,
        known=_ids,
    )
    report = check_drift(request, tell=tell)
    subjects = {finding.subject for finding in report.findings}
    rows = Tenant.objects.using(CONTROL).filter(id__in=subjects).values_list("id", "slug")
    return NamedReport(report, dict(rows))


def by_shard(findings: Iterable[Finding]) -> dict[str, list[Finding]]:
    """Findings in the order in which people look at them: by shard, then by kind."""
    grouped: defaultdict[str, list[Finding]] = defaultdict(list)
    for finding in sorted(findings, key=lambda one: (one.shard, one.kind, one.subject)):
        grouped[finding.shard].append(finding)
    return dict(grouped)


def _ids() -> Collection[str]:
    return frozenset(Tenant.objects.using(CONTROL).values_list("id", flat=True))
