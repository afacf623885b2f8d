"""Which function does which act; and one way to carry out a list of steps."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Final

from sharding.moves.control_points import reach
from sharding.moves.core.steps import Act, Step
from sharding.moves.services import (
    draining,
    ending,
    journal,
    pausing,
    preparing,
    soaking,
    streaming,
    turning_back,
)
from sharding.moves.services.work import Work

Does = Callable[[Work], None]

_A = Act

DOES: Final[Mapping[Act, Does]] = MappingProxyType(
    {
        _A.CLAIM: preparing.claim,
        _A.ARM_SOURCE: preparing.arm_source,
        _A.MAKE_TARGET: preparing.make_target,
        _A.COPY: preparing.copy,
        _A.PUBLISH: streaming.publish,
        _A.COPY_SNAPSHOT: streaming.copy_snapshot,
        _A.BUILD: streaming.build,
        _A.FOLLOW_BACK: streaming.follow_back,
        _A.FOLLOW: streaming.follow,
        _A.GATE: pausing.gate,
        _A.FENCE: pausing.fence,
        _A.COPY_CHANGES: pausing.copy_changes,
        _A.DRAIN: draining.drain,
        _A.LOOK: pausing.look,
        _A.SWITCH: pausing.switch,
        _A.OPEN: pausing.open_target,
        _A.RELEASE: pausing.release,
        _A.SEAL_SOURCE: ending.seal_source,
        _A.VERIFY: ending.verify,
        _A.SOAK: soaking.soak,
        _A.TURN: soaking.turn,
        _A.AWAIT_TARGET: soaking.await_target,
        _A.SOAK_ON: soaking.soak_on,
        _A.CLOSE_WAY_BACK: soaking.close_way_back,
        _A.UNSTREAM_SOURCE: streaming.unstream_source,
        _A.UNSTREAM_TARGET: streaming.unstream_target,
        _A.DROP_SOURCE: ending.drop_source,
        _A.DISARM_TARGET: ending.disarm_target,
        _A.TURN_BACK: turning_back.turn_back,
        _A.CLAIM_SOURCE: turning_back.claim_source,
        _A.UNFENCE: turning_back.unfence,
        _A.RELEASE_BACK: turning_back.release_back,
        _A.DROP_TARGET: turning_back.drop_target,
        _A.DISARM_SOURCE: turning_back.disarm_source,
    }
)

_WRITES_ITSELF: Final = frozenset(
    {
        _A.GATE,
        _A.FENCE,
        _A.SWITCH,
        _A.RELEASE,
        _A.VERIFY,
        _A.SOAK,
        _A.CLOSE_WAY_BACK,
        _A.TURN,
        _A.SOAK_ON,
        _A.TURN_BACK,
        _A.RELEASE_BACK,
    }
)
"""They change the journal in the transaction that makes it true, or before they begin."""


def carry_out(work: Work, steps: Iterable[Step]) -> None:
    """Do one step after the other.

    Within the pause nothing is written but what decides; before every other step control is told
    that it begins, in a transaction of its own, so that a crash in it can be seen.
    """
    for step in steps:
        _carry_out(work, step)


def _carry_out(work: Work, step: Step) -> None:
    if not step.paused:
        work.ours()
        journal.note(work.move, step.act, "begun", token=work.token)
    reach(f"{step.act}.begin")
    if step.act is Act.END:
        assert step.reaches is not None, "an end is a state"
        ending.end(work, step.reaches)
    else:
        DOES[step.act](work)
    if step.reaches is not None and step.act not in (*_WRITES_ITSELF, Act.END):
        journal.advance(work.move, step.reaches, step=step.act)
    reach(f"{step.act}.done")
