"""What the directory answers."""

from dataclasses import dataclass, field

from sharding import scope
from sharding.placements.states import PlacementState
from tenants.serving import Verdict, may_serve
from tenants.states import TenantState


@dataclass(frozen=True, slots=True)
class Entry:
    """One tenant, as far as serving it must know.

    `source` fills it in, `shared` writes it as JSON and reads it again. A field more has a default,
    since Redis holds entries of the release before.

    Attributes:
        tenant_id: see `placement`.
        slug: its part of its first host.
        name: what people call it.
        host: the host that was asked for; the primary one when an id was.
        tenant_state: what people decided.
        placement_state: what is being done with its place.
        placement: what to enter.
        plan: the name of its plan; empty for none.
        verdict: whether the tenant is served now.
    """

    tenant_id: str
    slug: str
    name: str
    host: str
    tenant_state: TenantState
    placement_state: PlacementState
    placement: scope.Placement
    plan: str = ""
    verdict: Verdict = field(init=False)

    def __post_init__(self) -> None:
        verdict = may_serve(self.tenant_state, self.placement_state)
        object.__setattr__(self, "verdict", verdict)


@dataclass(frozen=True, slots=True)
class HostKey:
    """Ask by host name, in the form of `tenants.hosts`."""

    host: str

    def __str__(self) -> str:
        return f"host:{self.host}"


@dataclass(frozen=True, slots=True)
class IdKey:
    """Ask by tenant id, or by the name of its schema."""

    name: str

    def __str__(self) -> str:
        return f"id:{self.name}"


Key = HostKey | IdKey
