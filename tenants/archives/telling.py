"""What `import_tenant` and `clone_tenant` print."""

from collections.abc import Iterable, Iterator

from tenants.archives.types import ArrivalPlan, ArrivalReceipt


def plan_text(plan: ArrivalPlan) -> str:
    """What would be done, for a person."""
    made = plan.provision
    head = f"{made.request.slug} on {made.shard}, to be reached under {', '.join(made.hosts)}"
    lines = [
        f"{head}, out of {plan.source}:",
        *(f"  {number}. {step}" for number, step in enumerate(made.steps, start=1)),
    ]
    if not made.steps:
        lines.append("  nothing is left to do")
    if plan.upgrades:
        lines.append(f"  it would be migrated: {', '.join(plan.upgrades)}")
    lines += _wishes("it would be pinned", made.request.needs, plan.not_taken_over)
    lines += [f"  left behind: {one.table} ({one.why})" for one in plan.left_behind]
    return "\n".join(lines)


def receipt_text(receipt: ArrivalReceipt) -> str:
    """What was done, for a person."""
    made = receipt.provision
    who = f"{made.slug} ({made.tenant_id})"
    if not made.created:
        return f"{who} is there already, nothing changed"
    head = (
        f"{who} is on {made.placement.shard}: {', '.join(made.hosts)}. "
        f"{receipt.rows} rows and {receipt.files} files came out of {receipt.source}"
    )
    return "\n".join([head, *_wishes("it is pinned", receipt.labels, receipt.not_taken_over)])


def _wishes(pinned: str, labels: Iterable[str], not_taken_over: Iterable[str]) -> Iterator[str]:
    if labels := sorted(labels):
        yield f"  {pinned} to shards with {', '.join(labels)}"
    yield from (f"  not taken over: {one}" for one in not_taken_over)
