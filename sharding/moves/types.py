"""What moves and the layers above them tell each other."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GateReport:
    """What the processes said of a tenant whose gate was closed.

    Attributes:
        processes: that live, as far as control knows.
        acknowledged: of these, that know of the gate and let nobody through it.
        in_flight: requests and tasks of the tenant that were still under way at the end.
        holders: a sentence for each that was: which process, what, since when.
    """

    processes: int
    acknowledged: int
    in_flight: int
    holders: tuple[str, ...] = ()

    @property
    def is_drained(self) -> bool:
        """Nobody is known to work for the tenant. Who was not asked in time meets the fence."""
        return self.in_flight == 0


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a tenant is not moved, and what to do about it.

    Attributes:
        code: stable, such as `moves.suspended`.
        reason: one sentence.
        remedy: one sentence.
    """

    code: str
    reason: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.reason} {self.remedy}"
