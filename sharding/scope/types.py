"""What code can run in: nothing, control, or one tenant's placement."""

import re
from dataclasses import dataclass
from typing import Final, final

TENANT_ID_PATTERN: Final = re.compile(r"t[0-9a-z]{6,30}")
TEMPLATE_PATTERN: Final = re.compile(r"tmpl_[0-9a-f]{12}")
"""Of a schema in which migrations are tried: no tenant's id has an underscore, and no role bears
this name, so nobody is ever served from one."""


@dataclass(frozen=True, slots=True)
class Placement:
    """Where one tenant lives, as far as running code must know.

    Attributes:
        tenant_id: opaque and immutable, such as `t0k3f9a`; it names the tenant's role too.
        shard: the shard's name, which is its Django alias.
        schema: the tenant's schema on that shard.
        epoch: grows by one whenever the placement changes.
        generation: random; part of every cache key, a new one forgets all of them.
        statement_timeout_ms: how long one of its statements may take on the server, if its plan
            says so; 0: as long as everybody's.
    """

    tenant_id: str
    shard: str
    schema: str
    epoch: int
    generation: str
    statement_timeout_ms: int = 0

    def __post_init__(self) -> None:
        # Both go into SQL as identifiers, ahead of every statement: nothing else may get here.
        for name in (self.tenant_id, self.schema):
            if not (TENANT_ID_PATTERN.fullmatch(name) or TEMPLATE_PATTERN.fullmatch(name)):
                raise ValueError(f"{name!r} is no tenant id ({TENANT_ID_PATTERN.pattern})")

    @property
    def role(self) -> str:
        """The database role as which this tenant's statements run."""
        return self.tenant_id

    def __str__(self) -> str:
        return f"tenant {self.tenant_id} on {self.shard}"


@final
class ControlScope:
    """The scope in which `default` is the control database. There is one: CONTROL."""

    __slots__ = ()
    shard: Final = "control"

    def __str__(self) -> str:
        return "control"

    def __repr__(self) -> str:
        return "CONTROL"

    def __reduce__(self) -> str:
        return "CONTROL"


CONTROL: Final = ControlScope()

Scope = Placement | ControlScope
