"""A report as people read it."""

from collections.abc import Iterator

from migrations_tools.loading import Node
from migrations_tools.safety.types import Finding, SafetyReport


def lines_of(report: SafetyReport) -> Iterator[str]:
    """Migration by migration: what is to be mended, what was accepted, what is not replayed."""
    if not report.checked:
        yield "No migration of tenants' apps waits to be released."
        return
    for node in report.checked:
        findings = [finding for finding in report.findings if finding.node == node]
        why_not = report.why_not_replayed.get(node, "")
        if findings or why_not:
            yield _name(node)
            yield from (line for finding in findings for line in _told(finding))
            if why_not:
                yield f"  runs in each schema by itself, since {why_not}"
    if report.left_out:
        yield report.left_out
    accepted = len(report.findings) - len(report.open)
    yield (
        f"{len(report.checked)} migrations checked: {len(report.open)} findings to mend, "
        f"{accepted} accepted."
    )


def _told(finding: Finding) -> Iterator[str]:
    yield f"  {finding.rule}: {finding.what}"
    if finding.accepted:
        yield f"    accepted: {finding.accepted}"
    elif finding.instead:
        yield f"    instead: {finding.instead}"


def _name(node: Node) -> str:
    return f"{node[0]}.{node[1]}"
