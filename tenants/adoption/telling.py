"""Adoptions in words."""

from collections.abc import Iterator

from tenants.adoption.types import SHARED, AdoptionPlan, AdoptionReceipt, TakeOver
from tenants.services.types import ProvisionPlan


def plan_text(provision: ProvisionPlan, plan: AdoptionPlan | None) -> str:
    """What an adoption would do."""
    hosts = ", ".join(provision.hosts)
    head = f"{provision.request.slug} on {provision.shard}, to be reached under {hosts}"
    if plan is None:
        return f"{head}: its schema is taken over; the same command finishes it."
    return "\n".join([f"{head}, from schema {plan.survey.schema}:", *_plan_lines(plan)])


def receipt_text(receipt: AdoptionReceipt) -> str:
    """What an adoption did."""
    who = f"{receipt.slug} ({receipt.tenant_id})"
    if not receipt.adopted:
        return f"{who} is there already, nothing changed"
    lines = [f"{who} is on {receipt.shard}: {', '.join(receipt.hosts)}"]
    if receipt.taken is not None:
        lines += _taken_lines(receipt.taken)
    lines.append(f"  {len(receipt.migrated)} migrations applied")
    if receipt.renamed:
        lines.append(f"  {receipt.renamed} constraints and indexes renamed as the code has them")
    if receipt.differs:
        lines.append("  Its structure differs from the code's, so it will migrate by itself:")
        lines += [f"    {sentence}" for sentence in receipt.differs]
    else:
        lines.append("  Its structure is the code's.")
    return "\n".join(lines)


def _plan_lines(plan: AdoptionPlan) -> Iterator[str]:
    found = plan.survey
    yield f"  {len(found.tables)} tables, about {found.rows} rows, owned by {found.owner}"
    for key in found.leaving:
        yield f"  {key.table}.{', '.join(key.columns)} refers to {key.to_schema}.{key.to_table}"
    if plan.from_shared:
        yield f"  rows of this tenant's come out of {SHARED}: {', '.join(plan.from_shared)}"
    if made := sorted(set(plan.bring) - set(plan.from_shared)):
        yield f"  tables that are made anew: {', '.join(made)}"
    if plan.forget:
        yield f"  apps that tenants do not have, forgotten: {', '.join(plan.forget)}"
    if plan.extra:
        yield f"  tables of no model, which stay: {', '.join(plan.extra)}"
    yield f"  migrations that follow: {', '.join(plan.pending) or 'none'}"
    if plan.problems:
        yield "To be mended first:"
        yield from (f"  - {problem}" for problem in plan.problems)


def _taken_lines(taken: TakeOver) -> Iterator[str]:
    for table, count in taken.copied.items():
        staying = taken.staying[table]
        yield f"  {table}: {count} rows came out of {SHARED}, {staying} stay there"
    yield f"  {taken.repointed} foreign keys lead into the schema itself now"
    yield (
        f"  {taken.renumbered} content types and permissions have global ids, "
        f"{taken.rows_followed} rows followed"
    )
    if taken.revoked:
        yield f"  no rights any more: {', '.join(taken.revoked)}"
