"""What happens in a cell while its mover stands at its point."""

import signal
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Final

from django.db.models.functions import Now

from sharding.placements.models import Placement
from sharding.placements.services.incarnations import seal_shard
from sharding.placements.services.restored import open_restored_shard
from tests.faults.down import Down
from tests.faults.proxy import Mode
from tests.fixtures.waiting import wait_for
from tests.scenarios.moves.matrix.cells import Cell, Fault
from tests.scenarios.moves.matrix.clients import Clients
from tests.scenarios.moves.matrix.ground import Ground, Mover

_AWAY_S: Final = 1.0
_CUT_S: Final = 8.0
_ENDS_WITHIN_S: Final = 120.0


@dataclass
class Scene:
    """One cell as it is played.

    Attributes:
        recover: recovery, first killed and then whole.
        copy: what a server had before the point, where the fault needs that.
        source, target: between which the tenant moves.
    """

    ground: Ground
    cell: Cell
    tenant_id: str
    mover: Mover
    clients: Clients
    recover: Callable[[], None]
    copy: Path | None = None
    source: str = "alpha"
    target: str = "beta"

    def let_go(self) -> None:
        """The mover goes on from its point."""
        self.mover.go(self.cell.point)

    def mover_ends(self) -> None:
        """Wait until it is over, well or not."""
        told = self.mover.said.read_text
        assert self.mover.ends(_ENDS_WITHIN_S), told()
        assert self.mover.status in (0, 1, 3), told()
        assert "Traceback" not in told(), told()
        # Of a move that has begun: nobody can begin it again.
        assert "run the same command again" not in told(), told()

    def go_on(self) -> None:
        """The mover goes on as far as it can, and then others end its move."""
        self.let_go()
        self.mover_ends()
        self.recover()


COPIED_AT: Final[Mapping[Fault, tuple[str, str]]] = MappingProxyType(
    {
        Fault.PROMOTE_BEHIND: ("gate.journaled", "source"),
        Fault.RESTORE_CONTROL: ("switch.before", "control"),
    }
)
"""Where a mover stops on its way, so that a server can be copied as it is then: which."""


def stops(cell: Cell) -> tuple[str, ...]:
    """The points at which the mover of a cell is to stop."""
    early = [COPIED_AT[cell.fault][0]] if cell.fault in COPIED_AT else []
    return (*early, cell.point)


def until_its_point(
    ground: Ground, cell: Cell, mover: Mover, clients: Clients, *, source: str
) -> Path | None:
    """Wait until the mover stands there; what was copied of a server on the way."""
    copy = None
    # What a standby lacks beside the fence is lost by the fail-over, not by the move.
    behind = cell.fault is Fault.PROMOTE_BEHIND
    with clients.resting() if behind else nullcontext():
        if cell.fault in COPIED_AT:
            early, which = COPIED_AT[cell.fault]
            assert mover.reached() == early, mover.said.read_text()
            copy = ground.copy_of(source if which == "source" else which)
            mover.go(early)
        assert mover.reached() == cell.point, mover.said.read_text()
    return copy


def _kill_mover(scene: Scene) -> None:
    scene.mover.kill()
    scene.recover()


def _freeze_mover(scene: Scene) -> None:
    scene.mover.send(signal.SIGSTOP)
    lapsed = Placement.objects.using("control").filter(
        tenant_id=scene.tenant_id, lease_until__lt=Now()
    )
    wait_for(lapsed.exists, "its lease does not end")
    scene.recover()
    scene.mover.send(signal.SIGCONT)
    scene.let_go()
    scene.mover_ends()
    assert scene.mover.status != 0, "it believes that it was the one who did it"


Server = Callable[[Scene], str]
"""Which one is meant in a scene."""


def _source(scene: Scene) -> str:
    return scene.source


def _target(scene: Scene) -> str:
    return scene.target


def _control(scene: Scene) -> str:
    return "control"


def _kill_server(which: Server) -> Callable[[Scene], None]:
    def happens(scene: Scene) -> None:
        name = which(scene)
        scene.ground.kill_server(name)
        scene.let_go()
        time.sleep(_AWAY_S)
        scene.ground.start_server(name)
        scene.mover_ends()
        scene.recover()

    return happens


def _cut_off(which: Server) -> Callable[[Scene], None]:
    """Only packets of the mover and of its streams are dropped; the clients go on."""

    def happens(scene: Scene) -> None:
        with scene.ground.faulty.down(which(scene), Down.BLACKHOLE):
            scene.let_go()
            scene.mover.ends(_CUT_S)
        scene.mover_ends()
        scene.recover()

    return happens


def _promote(scene: Scene) -> None:
    """As the runbook has it: nobody is served from it before it was compared."""
    ground, copy = scene.ground, scene.copy
    with scene.clients.resting():
        if copy is None:
            copy = ground.copy_of(scene.source)
        seal_shard(scene.source, ground.stack.files.registry)
        ground.put_in_place(scene.source, copy)
        open_restored_shard(scene.source)
    scene.go_on()


def _restore_control(scene: Scene) -> None:
    assert scene.copy is not None
    scene.ground.put_in_place("control", scene.copy)
    scene.go_on()


def _lose(*, delivered: bool) -> Callable[[Scene], None]:
    """The next COMMIT that control hears is the switch's."""

    def happens(scene: Scene) -> None:
        proxy = scene.ground.faulty.proxy("control")
        proxy.fall_silent_at(b"COMMIT", delivered=delivered)
        scene.let_go()
        try:
            wait_for(lambda: proxy.mode is Mode.HANG, "nobody said COMMIT")
            time.sleep(_AWAY_S)
        finally:
            proxy.set(Mode.PASS)
        scene.mover_ends()
        scene.recover()

    return happens


HAPPENS: Final[Mapping[Fault, Callable[[Scene], None]]] = MappingProxyType(
    {
        Fault.KILL_MOVER: _kill_mover,
        Fault.FREEZE_MOVER: _freeze_mover,
        Fault.KILL_SOURCE: _kill_server(_source),
        Fault.KILL_TARGET: _kill_server(_target),
        Fault.KILL_CONTROL: _kill_server(_control),
        Fault.CUT_SOURCE: _cut_off(_source),
        Fault.CUT_TARGET: _cut_off(_target),
        Fault.CUT_CONTROL: _cut_off(_control),
        Fault.PROMOTE_FENCED: _promote,
        Fault.PROMOTE_BEHIND: _promote,
        Fault.LOSE_REPLY: _lose(delivered=True),
        Fault.LOSE_SWITCH: _lose(delivered=False),
        Fault.RESTORE_CONTROL: _restore_control,
    }
)
