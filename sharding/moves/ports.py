"""What moves need from layers above them; they register it at start-up."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final, Protocol

from sharding import scope
from sharding.moves.types import GateReport, Refusal
from sharding.registry.types import Server
from sharding.schemas.connections import Connection
from sharding.schemas.services.image_replay import ImageBody
from sharding.schemas.types import Marker


@dataclass(frozen=True, slots=True)
class TargetRequest:
    """A schema that is to be made anew, as it is elsewhere.

    Attributes:
        schema: its name at both ends.
        source: where it is.
        connection: an owner's, to where it shall be; no transaction is open.
        token: the move's.
        tables_only: without indexes, constraints and triggers, which come after the rows.
    """

    schema: str
    source: Server
    connection: Connection
    token: int
    tables_only: bool = False


@dataclass(frozen=True, slots=True)
class MadeTarget:
    """What was made.

    Attributes:
        how: in a word.
        rest: of what `complete` makes what was left out; None: nothing was.
    """

    how: str
    rest: ImageBody | None = None


class Gate(Protocol):
    """Holds the requests and tasks of one tenant while it changes its place."""

    def close(self, tenant_id: str, *, within: timedelta) -> GateReport:
        """Let nobody of this tenant in any more, and wait until those inside have left.

        Called after the placement became MOVING, in a transaction that is committed. Returns as
        soon as nobody is in flight, and after `within` in any case.

        Idempotent.
        """

    def open(self, tenant_id: str) -> None:
        """Let everybody go on, where the tenant is now.

        Called after the placement became READY, here or there.

        Idempotent.
        """


class Tenants(Protocol):
    """What is known of tenants beside their places."""

    def refusals(self, tenant_id: str, *, target: str) -> tuple[Refusal, ...]:
        """Why this tenant is not to be moved there now: suspended, deleted, pinned …"""


class Shape(Protocol):
    """Makes the tables that a tenant's rows go into."""

    def refusals(self, place: scope.Placement, marker: Marker) -> tuple[Refusal, ...]:
        """Why a schema of this state is not to be moved: pending migrations …"""

    def make_target(self, asked: TargetRequest) -> MadeTarget:
        """Make the schema at the target, closed and without rows; return how.

        An image of its state serves where that has the source's structure, else pg_dump of the
        source. Its marker there is a tombstone of the token, and becomes INCOMING.

        Transaction: one on the connection, so that a process that is killed leaves all or nothing.

        Raises:
            WrongPhase: somebody with a newer token is at work; nothing was changed.
        """


class NoGate:
    """Stands in until somebody registers: there are no processes, so nothing is in flight."""

    def close(self, tenant_id: str, *, within: timedelta) -> GateReport:
        return GateReport(processes=0, acknowledged=0, in_flight=0)

    def open(self, tenant_id: str) -> None:
        pass


class NoTenants:
    """Stands in until somebody registers: nothing is known but places."""

    def refusals(self, tenant_id: str, *, target: str) -> tuple[Refusal, ...]:
        return ()


_NO_SHAPE: Final = Refusal(
    "moves.no_shape",
    "Nothing that is installed can make a tenant's tables.",
    "Put migrations_tools into INSTALLED_APPS.",
)


class NoShape:
    """Stands in until somebody registers: nobody knows how to make tables."""

    def refusals(self, place: scope.Placement, marker: Marker) -> tuple[Refusal, ...]:
        return (_NO_SHAPE,)

    def make_target(self, asked: TargetRequest) -> MadeTarget:
        raise RuntimeError(str(_NO_SHAPE))


gate: Gate = NoGate()
tenants: Tenants = NoTenants()
shape: Shape = NoShape()


def register_gate(made: Gate) -> None:
    """`tenants` says here how a tenant's requests and tasks are held."""
    global gate
    gate = made


def register_tenants(made: Tenants) -> None:
    """`tenants` says here which tenants are not to be moved."""
    global tenants
    tenants = made


def register_shape(made: Shape) -> None:
    """`migrations_tools` says here how the tables at the other end are made."""
    global shape
    shape = made
