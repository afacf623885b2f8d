"""What is found about a migration, and what to do instead."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from migrations_tools.loading import Node


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a migration would do to a fleet in service.

    Attributes:
        rule: names the kind of it; a migration accepts it under this name.
        what: happens, to what.
        instead: the recipe.
        accepted: the reason that the migration gives; empty when it gives none.
    """

    node: Node
    rule: str
    what: str
    instead: str
    accepted: str = ""


@dataclass(frozen=True, slots=True)
class SafetyReport:
    """What a check looked at and found.

    Attributes:
        checked: migrations, in order.
        why_not_replayed: per migration that runs in each schema by itself, why.
        left_out: what was not looked at, and why; empty when nothing was.
    """

    checked: tuple[Node, ...]
    findings: tuple[Finding, ...]
    why_not_replayed: Mapping[Node, str] = field(default_factory=dict)
    left_out: str = ""

    @property
    def open(self) -> tuple[Finding, ...]:
        """Findings that nobody has accepted."""
        return tuple(finding for finding in self.findings if not finding.accepted)
