"""What the commands of moves print."""

from collections.abc import Mapping

from sharding.figures import size_in_words
from sharding.moves.core.states import MoveState
from sharding.moves.core.steps import PARTS_OF_A_PAUSE
from sharding.moves.services.listing import MoveDetails, MoveLine
from sharding.moves.services.rehearsing import Rehearsal
from sharding.moves.types import MovePlan, MoveReceipt
from tenants.moving.doctoring import Seen

_ROW = "{:>6}  {:<24} {:<22} {:<13} {:>9}  {}"


def plan_text(plan: MovePlan, tenant: str) -> str:
    """What would be done, or why it would not."""
    if plan.refusals:
        return "\n".join([f"{tenant} would not be moved:", *(f"  {one}" for one in plan.refusals)])
    request = plan.request
    return "\n".join(
        [
            (
                f"{tenant} would go from {plan.source} to {request.target} "
                f"({plan.tables} tables, {size_in_words(plan.bytes)}), by {plan.why_mode}"
            ),
            *(f"  {number}. {step}" for number, step in enumerate(plan.steps, start=1)),
            *plan.unknown,
        ]
    )


def rehearsal_text(rehearsal: Rehearsal) -> str:
    """What the move would have been like."""
    rows, target, seconds = rehearsal.rows, rehearsal.target, rehearsal.seconds
    pause = rehearsal.pause_ms
    lines = [
        f"{rows} rows came to {target} in {seconds:.1f} s and are gone again; nothing was fenced",
        f"writes would pause for some {pause['total']:.0f} ms ({_parts(pause)})",
    ]
    if not rehearsal.within_budget:
        lines.append("that is more than --max-pause allows")
    return "\n".join(lines)


def receipt_text(receipt: MoveReceipt) -> str:
    """How it ended."""
    lines = [f"move {receipt.move_id} is {receipt.state}"]
    if pause := receipt.pause_ms:
        lines.append(f"writes paused for {pause['total']:.1f} ms ({_parts(pause)})")
    if receipt.verified:
        lines.append(f"both copies held the same rows: {receipt.verified}")
    if receipt.state == MoveState.SOAKING:
        ends = f"`manage.py finish_move {receipt.move_id}`"
        lines.append(f"what the way back needs is kept until {ends}")
    elif receipt.owed:
        lines.append(f"still to be done: {', '.join(receipt.owed)}")
    return "\n".join(lines)


def list_text(lines: list[MoveLine]) -> str:
    """A table."""
    rows = [_ROW.format("MOVE", "TENANT", "FROM → TO", "STATE", "PAUSE MS", "")]
    rows += [
        _ROW.format(
            line.move_id,
            line.tenant,
            f"{line.source} → {line.target}",
            line.state,
            "-" if line.pause_ms is None else f"{line.pause_ms:.1f}",
            _remark(line),
        ).rstrip()
        for line in lines
    ]
    return "\n".join(rows)


def details_text(details: MoveDetails) -> str:
    """One move, and what happened in it."""
    line = details.line
    facts = {
        "move": str(line.move_id),
        "tenant": f"{line.tenant} ({line.tenant_id})",
        "from, to": f"{line.source} → {line.target}",
        "state": line.state,
        "mode": line.mode,
        "mover": line.mover or "-",
        "soaks until": line.soak_ends_at or "-",
        "still to be done": ", ".join(line.owed) or "-",
        "last error": line.last_error or "-",
        **{name: str(value) for name, value in details.result.items()},
    }
    told = [f"{name:<17} {value}" for name, value in facts.items()]
    for at, step, said, more in details.events:
        words = ", ".join(f"{name} {value}" for name, value in more.items())
        told.append(f"{at}  {step:<14} {said:<13} {words}".rstrip())
    return "\n".join(told)


def findings_text(seen: Seen) -> str:
    """What is wrong, why, and what to do; or what became of it."""
    told = []
    for one in seen.findings:
        told.append(f"{one.shard}  {one.ill}  {one.subject}  {seen.slugs.get(one.tenant_id, '')}")
        told.append(f"    {one.says}")
        why_not = seen.why_not.get((one.shard, one.subject))
        if one in seen.mended:
            told.append("    ✓ mended")
        elif why_not:
            told.append(f"    ✗ not mended: {why_not}")
        else:
            told.append(f"    → {one.remedy}{' (--fix)' if one.mends else ''}")
    return "\n".join(line.rstrip() for line in told) if told else "Nothing is left of any move."


def _parts(pause_ms: Mapping[str, float]) -> str:
    """What a pause is made of, in order; control keeps it in none."""
    parts = [name for name in PARTS_OF_A_PAUSE if name in pause_ms]
    return ", ".join(f"{name} {pause_ms[name]:.1f}" for name in parts)


def _remark(line: MoveLine) -> str:
    if line.soak_ends_at:
        return f"`manage.py rollback_move {line.move_id}` takes it back, until {line.soak_ends_at}"
    if line.is_stuck:
        return f"nobody works on it: `manage.py resume_move {line.move_id}`"
    return ", ".join(line.owed)
