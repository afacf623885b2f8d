"""What the commands of rebalancing print."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Final

from sharding.figures import bar, counted, size_in_words
from sharding.rebalance.core.copying import CopyBasis
from sharding.rebalance.core.plans import LeftAlone, Step
from sharding.rebalance.core.types import Dimension, Use
from sharding.rebalance.services.planning import Look
from sharding.rebalance.services.reporting import ShardReport
from sharding.rebalance.services.shown import RebalanceLook
from sharding.rebalance.states import RebalanceState

_ROW: Final = "{:>4}  {:<20} {:<25} {:<14} {:>8} {:>7} {:>8}  {:>13} {:>13}"
_LEFT: Final = "  {:<14} {:<20} {:<14} {:>8} {:>9}  {}"
_STATUS: Final = "{:>4}  {:<20} {:<25} {:<14} {:>8}  {:<8} {}"


def plan_text(look: Look, *, most: int) -> str:
    """The plan as a table, what was left alone, and the sums."""
    plan, names = look.plan, look.names()
    lines: list[str] = []
    if plan.steps:
        lines.append(
            _ROW.format(
                "STEP", "TENANT", "FROM → TO", "WHY", "BYTES", "COPY", "PAUSE", "FROM FULL",
                "TO FULL",
            )
        )  # fmt: skip
        lines += [_step(step, names) for step in plan.steps[:most]]
        if len(plan.steps) > most:
            lines.append(f"      … and {len(plan.steps) - most} more; --all shows them")
    else:
        lines.append("Nothing is to be moved.")
    if plan.left:
        lines += ["", *_left(plan.left[:most], names)]
    if len(plan.left) > most:
        lines.append(f"  … and {len(plan.left) - most} more; --all shows them")
    lines += ["", *_sums(look)]
    return "\n".join(line.rstrip() for line in lines)


def status_text(look: RebalanceLook) -> str:
    """A rebalance, and what became of each of its steps."""
    states = ", ".join(f"{state} {number}" for state, number in sorted(look.states.items()))
    moved = f"{size_in_words(look.bytes_done)} of {size_in_words(look.bytes)} moved"
    lines = [f"rebalance {look.number} is {look.state}: {states or 'no steps'}; {moved}"]
    if look.said:
        lines.append(look.said)
    if look.state == RebalanceState.PROPOSED:
        lines.append(
            "Say yes to it in the console; `manage.py rebalance_shards --stop` discards it."
        )
    if look.state == RebalanceState.PAUSED:
        lines.append("To go on: manage.py rebalance_shards --resume")
    lines.append(_STATUS.format("STEP", "TENANT", "FROM → TO", "WHY", "BYTES", "STATE", ""))
    lines += [
        _STATUS.format(
            step.number,
            step.tenant[:20],
            f"{step.source} → {step.target}",
            step.reason,
            size_in_words(step.bytes),
            step.state,
            step.said or (f"paused {step.pause_ms:.0f} ms" if step.pause_ms is not None else ""),
        )
        for step in look.steps
    ]
    return "\n".join(line.rstrip() for line in lines)


def took(seconds: float) -> str:
    """A time as people read it."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    return str(timedelta(seconds=round(seconds)))


def basis_words(bases: Iterable[str], *, assumed: str = "assumption") -> str:
    """How many times of copying are from where; `assumed`: those that nothing tells."""
    counted = Counter(bases)
    words = {
        CopyBasis.PAIR: "what earlier moves between the same shards took",
        CopyBasis.FLEET: "what earlier moves took",
        CopyBasis.ASSUMED: assumed,
    }
    return ", ".join(f"{counted[each]} by {word}" for each, word in words.items() if counted[each])


def _step(step: Step, names: Mapping[str, str]) -> str:
    return _ROW.format(
        step.number,
        names.get(step.tenant_id, step.tenant_id)[:20],
        f"{step.source} → {step.target}",
        step.reason,
        size_in_words(step.bytes),
        took(step.copy_seconds),
        f"{step.pause_ms:.0f} ms",
        _change(step.source_use_before, step.source_use_after),
        _change(step.target_use_before, step.target_use_after),
    ) + "".join(f"\n      note: {warning}" for warning in step.warnings)


def _change(before: Use, after: Use) -> str:
    """Of the dimension in which it is fullest."""
    return f"{before.worst:.1%}→{after.worst:.1%}"


def _left(left: Iterable[LeftAlone], names: Mapping[str, str]) -> Iterator[str]:
    yield "Left alone:"
    yield _LEFT.format("SHARD", "TENANT", "WHY", "VALUE", "THRESHOLD", "")
    for each in left:
        why = f"{each.why}:{each.dimension}" if each.dimension else str(each.why)
        yield _LEFT.format(
            each.shard,
            names.get(each.tenant_id, each.tenant_id)[:20] or "-",
            why,
            f"{each.value:.3g}",
            f"{each.threshold:.3g}",
            each.detail,
        )


def _sums(look: Look) -> Iterator[str]:
    plan = look.plan
    summary = plan.summary
    yield (
        f"{counted(summary.moves, 'move')}, {size_in_words(summary.bytes)}, copied in "
        f"{took(summary.copy_seconds)} if one followed the other"
    )
    yield from _copying(look)
    before, after = _ratios(summary.worst_before), _ratios(summary.worst_after)
    yield f"the fullest shard, in parts of its fair share: {before} before, {after} after"
    if summary.left:
        reasons = ", ".join(f"{why} {number}" for why, number in sorted(summary.left.items()))
        yield f"left alone: {reasons}"
    if summary.cut_off:
        yield f"not in it, for its limits: {counted(summary.cut_off, 'move')}"
    for shard, why in sorted(look.seen.down.items()):
        yield f"{shard} takes and gives nobody: {why}"
    if look.seen.unmeasured:
        yield (
            f"of {counted(look.seen.unmeasured, 'tenant')} nobody knows the size yet; they count "
            "as large as the others are on average"
        )
    yield f"plan {plan.id}"


def _copying(look: Look) -> Iterator[str]:
    """Where the times of copying are from."""
    if look.plan.steps:
        assumed = f"{size_in_words(look.policy.copy_rate)} a second, since nothing tells"
        bases = basis_words((step.copy_basis for step in look.plan.steps), assumed=assumed)
        yield f"copy times: {bases}"


def _ratios(use: Use) -> str:
    return f"bytes {use.bytes:.2f}, load {use.load:.2f}, tenants {use.tenants:.2f}"


def report_text(report: ShardReport) -> str:
    """One shard, dimension by dimension, and what weighs most on it."""
    state = ", ".join(
        filter(None, (report.state, *report.labels, report.down and f"down: {report.down}"))
    )
    lines = [f"{report.name} ({state}): {report.verdict}"]
    for name, line in report.dimensions.items():
        capacity = "not said" if line.capacity is None else f"{_amount(name, line.capacity)}"
        lines.append(
            f"  {name:<8} {bar(line.use)}  {_amount(name, line.used):>9} of {capacity}; "
            f"{line.ratio:.2f} of its fair share"
        )
    if report.sampled_at is None:
        lines.append("  never looked at; beat and a worker of its queue do that every 5 minutes")
    else:
        lines.append(
            f"  looked at {report.sampled_at:%Y-%m-%d %H:%M:%S %Z}, {report.unmeasured} tenants "
            "not measured yet"
        )
    for title, rows in (("largest", report.largest), ("busiest", report.busiest)):
        if rows:
            lines.append(f"  {title}:")
            lines += [
                f"    {row.tenant[:24]:<24} {size_in_words(row.bytes):>9} {row.load:>9.4f}  "
                + ", ".join(row.notes)
                for row in rows
            ]
    return "\n".join(line.rstrip() for line in lines)


def _amount(dimension: str, value: float) -> str:
    if dimension == Dimension.BYTES:
        return size_in_words(value)
    return f"{value:.3f}" if dimension == Dimension.LOAD else f"{value:.0f}"
