"""What goes wrong, under which load, and for whom. Pure."""

from dataclasses import dataclass
from typing import Final

from tests.faults.down import Down

VICTIM: Final = "alpha"
OTHER: Final = "beta"
HUNG: Final = "hung"
"""The lane of the tenant whose statements all take long."""
WAITERS: Final = 200


@dataclass(frozen=True, slots=True)
class Case:
    """One thing that goes wrong.

    Attributes:
        name: its key in `.bench/shards.json`.
        label: its name in tables.
        server: which server goes down; None: none does, a tenant has `WAITERS` clients with
            heavy statements instead.
        how: in which way.
        by_default: whether a whole run has it.
    """

    name: str
    label: str
    server: str | None
    how: Down | None
    by_default: bool = True

    @property
    def hurt(self) -> tuple[str, ...]:
        """The shards whose tenants may see it."""
        return (VICTIM,) if self.server == VICTIM else ()


CASES: Final = (
    Case("refused", "connections refused", VICTIM, Down.REFUSED),
    Case("sigstop", "SIGSTOP", VICTIM, Down.SIGSTOP),
    Case("blackhole", "packets dropped", VICTIM, Down.BLACKHOLE),
    Case("slow", "2 s per answer", VICTIM, Down.SLOW),
    Case("hung_tenant", f"a tenant with {WAITERS} waiters", None, None),
    Case("redis_sigstop", "Redis, SIGSTOP", "redis", Down.SIGSTOP),
    Case("control_sigstop", "control, SIGSTOP", "control", Down.SIGSTOP),
    Case("redis_refused", "Redis, refused", "redis", Down.REFUSED, by_default=False),
    Case("control_refused", "control, refused", "control", Down.REFUSED, by_default=False),
)
DOWNS: Final = ("refused", "sigstop", "blackhole", "slow")
"""The cases that the goals speak of."""


@dataclass(frozen=True, slots=True)
class System:
    """Who is asked."""

    name: str
    label: str


ATOLL: Final = System("atoll", "Atoll")
STOCK: Final = System("stock", "stock Django")
