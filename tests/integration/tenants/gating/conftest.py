"""A tenant with a schema on both shards, and the steps of a move by hand."""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import urlencode
from wsgiref.util import setup_testing_defaults

import pytest
from django.contrib.auth.models import Group
from django.contrib.sessions.models import Session
from django.db import connections, transaction
from django.db.models import F
from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

from config.observability.handlers import ObservedWSGIHandler
from migrations_tools.services.build_schema import build_schema
from sharding import scope
from sharding.placements.models import Placement
from sharding.placements.services.placing import set_placement_state
from sharding.placements.states import PlacementState
from sharding.registry import current as addresses
from sharding.schemas.connections import own_connection
from sharding.schemas.services import fence
from sharding.schemas.services.create_schema import open_schema
from sharding.schemas.services.drop_schema import drop_schema
from sharding.schemas.services.markers import set_phase
from sharding.schemas.services.roles import drop_role, make_roles
from sharding.schemas.types import Phase
from tenants.directory.changes import announce_change
from tenants.gating.process import gates
from tenants.gating.wsgi import ReplayWSGI
from tests.integration.tenants.conftest import Made, make
from tests.integration.tenants.gating import views

SHARDS = ("alpha", "beta")


@dataclass
class ByHand:
    """The steps of a move of `tenant` from alpha to beta."""

    tenant: Made

    def on(self, shard: str) -> scope.enter:
        """Its scope as it is there, whatever control says."""
        return scope.enter(scope.Placement(self.tenant.id, shard, self.tenant.id, 1, "by hand"))

    def names(self, shard: str) -> list[str]:
        with self.on(shard):
            return list(Group.objects.order_by("name").values_list("name", flat=True))

    def begin(self) -> None:
        """Who asks control now waits; nobody is told."""
        set_placement_state(self.tenant.id, PlacementState.MOVING)

    def give_up(self) -> None:
        set_placement_state(self.tenant.id, PlacementState.READY)

    def fence(self, shard: str = "alpha") -> None:
        with own_connection(addresses.shard(shard)) as connection:
            fence.arm(connection, self.tenant.id)
            with connection.transaction():
                tables = fence.guarded_tables(connection, self.tenant.id)
                connection.execute(fence.locking(self.tenant.id, tables))
                set_phase(connection, self.tenant.id, Phase.FENCED)
                fence.revoke_permit(connection, self.tenant.id)

    def seal(self, shard: str = "alpha") -> None:
        with own_connection(addresses.shard(shard)) as connection, connection.transaction():
            set_phase(connection, self.tenant.id, Phase.SEALED)
            fence.seal(connection, self.tenant.id)

    def open(self, shard: str) -> None:
        with own_connection(addresses.shard(shard)) as connection:
            open_schema(connection, self.tenant.id)
            fence.disarm(connection, self.tenant.id)

    def switch(self, to: str = "beta") -> None:
        """It lives there from now on; nobody is told."""
        Placement.objects.using("control").filter(tenant_id=self.tenant.id).update(
            shard=to,
            state=PlacementState.READY,
            epoch=F("epoch") + 1,
        )

    def tell(self) -> None:
        """What every service does that changes a tenant."""
        with transaction.atomic(using="control"):
            announce_change(self.tenant.id)


@pytest.fixture(scope="package")
def _mia(tenants) -> Iterator[ByHand]:
    made = ByHand(make("mia", "alpha"))
    place = scope.Placement(made.tenant.id, "beta", made.tenant.id, 1, "by hand")
    server = addresses.shard("beta")
    make_roles(server, [made.tenant.id])
    build_schema(place)
    yield made
    connections.close_all()
    drop_schema(server, made.tenant.id)
    drop_role(server, made.tenant.id)


@pytest.fixture
def move(_mia) -> Iterator[ByHand]:
    """The tenant on alpha, served there, and nothing of it remembered anywhere."""
    _mia.tell()
    yield _mia
    for shard in SHARDS:
        _mia.open(shard)
        with _mia.on(shard):
            Group.objects.all().delete()
            Session.objects.all().delete()
    _mia.switch("alpha")
    _mia.tell()


@pytest.fixture(autouse=True)
def _nobody_waits_and_nothing_is_closed() -> Iterator[None]:
    views.forget()
    yield
    assert gates().room.count() == 0, "somebody still waits"
    gates().closures.__init__()


@pytest.fixture(autouse=True)
def _no_connections_in_threads_that_end(no_connections_in_threads_that_end) -> None:
    """In every test of these."""


@dataclass
class Answer:
    """What a server would have sent."""

    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def is_to_come_back(self) -> bool:
        return self.status == 503 and int(self.headers["Retry-After"]) >= 1


@pytest.fixture
def ask(move) -> Callable[..., Answer]:
    """Ask the whole application, as gunicorn does."""
    application = ReplayWSGI(ObservedWSGIHandler())

    def asked(
        path: str,
        method: str = "GET",
        *,
        data: dict[str, Any] | None = None,
        as_form: bool = False,
    ) -> Answer:
        body, kind = urlencode(data or {}).encode(), "application/x-www-form-urlencoded"
        if as_form:
            body, kind = encode_multipart(BOUNDARY, data or {}), MULTIPART_CONTENT
        path, _, query = path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": path,
            "QUERY_STRING": query,
            "HTTP_HOST": move.tenant.host,
            "CONTENT_TYPE": kind,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }
        setup_testing_defaults(environ)
        answer = Answer()

        def start_response(status, headers, exc_info=None):
            answer.status = int(status.split()[0])
            answer.headers = dict(headers)

        response = application(environ, start_response)
        try:
            answer.body = b"".join(response)
        finally:
            response.close()
        return answer

    return asked


@pytest.fixture
def at_once() -> Iterator[Callable[..., Future[Any]]]:
    """Run something in another thread, which knows nothing of this one's scope."""
    with ThreadPoolExecutor(32) as pool:

        def submit(what: Callable[..., Any], *args: Any, **more: Any) -> Future[Any]:
            def run() -> Any:
                try:
                    return what(*args, **more)
                finally:
                    connections.close_all()

            return pool.submit(run)

        yield submit
