"""Plans: how much of its shard a tenant may have.

small=8/1500ms  large=40  free=4/1s

A tenant's is named by `Tenant.plan`; `slots` and `TenantSettings` make limits of it. What customers
may buy is another thing: `catalog.models.Plan`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType
from typing import Final

NO_PLAN: Final = "none"
"""What people say for it; a tenant without a plan has an empty one."""

PLANS_WANTED: Final = (
    "plans like `small=8/1500ms large=40` (requests at a time in all processes together, and how "
    "long a statement may take, in ms or s), each with a name of its own other than `none`, with "
    "spaces between"
)
LONGEST_NAME: Final = 30

_PLAN: Final = re.compile(
    r"(?P<name>[a-z][a-z0-9-]{0,29})=(?P<requests>[1-9][0-9]{0,5})"
    r"(?:/(?P<time>[1-9][0-9]{0,5})(?P<unit>ms|s))?"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What a tenant of this plan may have.

    Attributes:
        requests: at a time, in all processes of a group together.
        statement_timeout: how long one statement may take; None: as everybody's.
    """

    name: str
    requests: int
    statement_timeout: timedelta | None = None

    @property
    def statement_timeout_ms(self) -> int:
        """For the server; 0: as everybody's."""
        return (
            0
            if self.statement_timeout is None
            else self.statement_timeout // timedelta(seconds=1e-3)
        )

    def share(self, processes: int) -> int:
        """Requests at a time in each of so many processes; at least one, or some get none."""
        return max(1, self.requests // processes)

    def __str__(self) -> str:
        text = f"{self.name}: {self.requests} requests at a time"
        if self.statement_timeout is None:
            return text
        return f"{text}, statements of at most {self.statement_timeout_ms} ms"


def parse_plans(text: str) -> Mapping[str, Plan]:
    """The plans that `text` describes, by name.

    Raises:
        ValueError: it describes none, or two of one name.
    """
    found = {}
    for word in text.split():
        match = _PLAN.fullmatch(word)
        if match is None or match["name"] in found or match["name"] == NO_PLAN:
            raise ValueError(word)
        unit = 1000 if match["unit"] == "s" else 1
        time = timedelta(milliseconds=int(match["time"] or 0) * unit)
        found[match["name"]] = Plan(match["name"], int(match["requests"]), time or None)
    return MappingProxyType(found)
