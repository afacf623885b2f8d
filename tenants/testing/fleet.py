"""The test databases of one process: made when first needed, restored, taken away at the end."""

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from sharding.registry import current
from sharding.registry.types import Registry
from sharding.schemas.connections import Connection, own_connection
from tenants.testing import template
from tenants.testing.databases import Administrator
from tenants.testing.errors import NoServers, OneShardOnly
from tenants.testing.naming import TEMPLATE, for_tests, servers_of
from tenants.testing.redis import Redis
from tenants.testing.roles import drop_roles, reserved_roles, schemas_of
from tenants.testing.seeds import Seeds
from tenants.testing.types import ANOTHER_SHARD, FIRST, SAME_SHARD, Servers, TenantUnderTest

_REMEMBERED_S = 24 * 3600
_FEW_ROLES = 5
_IN_USE = "in use"


@dataclass
class Fleet:
    """Control's and every shard's test database, for this process alone.

    Attributes:
        find_servers: where they can be made; called once, when the first test needs one.
        worker: xdist's name of this process, empty without it.
        run: names the run, the same for all of its processes.
        keep: whether they stay for the next run (--reuse-db).
        anew: whether they are made anew in any case (--create-db).
        tell: hears what takes long.
    """

    find_servers: Callable[[], Servers]
    worker: str
    run: str
    keep: bool
    anew: bool
    tell: Callable[[str], None] = print
    tenants: Mapping[str, TenantUnderTest] = field(default_factory=dict, init=False)
    _servers: Servers | None = field(default=None, init=False)
    _seeds: list[Seeds] | None = field(default=None, init=False)
    _owners: dict[str, Connection] = field(default_factory=dict, init=False)
    _open: ExitStack = field(default_factory=ExitStack, init=False)
    _entries: Mapping[Any, Any] = field(default_factory=dict, init=False)
    _redis: Redis = field(default_factory=Redis, init=False)
    _why_not: Exception | None = field(default=None, init=False)

    @property
    def is_made(self) -> bool:
        """Whether any test has needed it so far."""
        return bool(self.tenants)

    def ensure(self) -> None:
        """Make the databases, unless they are there. Idempotent.

        Raises:
            KitError: there are no servers, or the databases cannot be made safely.
        """
        if self._why_not is not None:
            raise self._why_not
        if not self.is_made:
            try:
                self._make()
            except Exception as error:
                # Tried once: every further test would wait as long for the same answer.
                self._why_not = error
                raise

    def tenant(self, slug: str) -> TenantUnderTest:
        """One of the tenants that are always there.

        Raises:
            OneShardOnly: it would be on another shard.
        """
        if slug not in self.tenants:
            raise OneShardOnly
        return self.tenants[slug]

    def other_tenant(self, *, on_another_shard: bool) -> TenantUnderTest:
        """A tenant beside the first.

        Raises:
            OneShardOnly: it would be on another shard.
        """
        return self.tenant(ANOTHER_SHARD if on_another_shard else SAME_SHARD)

    @property
    def first(self) -> TenantUnderTest:
        """The tenant in whose scope tests run."""
        return self.tenant(FIRST)

    @property
    def shards(self) -> tuple[str, ...]:
        """The shards that hold tenants of tests."""
        return tuple(sorted({each.shard for each in self.tenants.values()}))

    def before_commits(self) -> None:
        """Note what all tables hold: a test is about to change them for good."""
        if self._seeds is not None:
            return
        self._mark(_IN_USE)
        known = current.registry()
        assert known.control is not None, "the databases are made"
        for server in servers_of(known):
            self._owners[server.name] = self._open.enter_context(own_connection(server))
        places = [each.place for each in self.tenants.values()]
        self._seeds = [
            Seeds(self._owners[known.control.name], "public"),
            *(Seeds(self._owners[place.shard], place.schema) for place in places),
        ]

    def restore(self) -> None:
        """Bring every table that changed back to what it held, whoever's it is."""
        assert self._seeds is not None, "before_commits() was not called"
        from django.contrib.contenttypes.models import ContentType

        for seeds in self._seeds:
            seeds.restore()
        self._drop_further_schemas()
        ContentType.objects.clear_cache()

    def remember_tenants(self) -> None:
        """Let the directory know the tenants, and nothing else.

        A stock TestCase may not touch control, where requests would else ask for them; and
        whatever a test did to a tenant is undone.
        """
        from tenants.directory.lookup import directory

        book = directory()
        book.clear()
        for key, entry in self._entries.items():
            book.remember(key, entry)

    def begin_test(self) -> None:
        """Let a test find an empty cache, and the directory as it is."""
        self._redis.begin_test()
        self.remember_tenants()

    def end_test(self) -> None:
        """Empty the cache, where it is the tests' own."""
        self._redis.end_test()

    def end(self) -> None:
        """Drop this process's databases, or keep them for the next run. Idempotent."""
        if not self.is_made or self._servers is None:
            return
        self._redis.close()
        self._open.close()
        _close_connections()
        if self.keep:
            self._mark(template.shape())
        else:
            self._drop(current.registry(), but_roles_of=self._templates)
        self.tenants = {}

    def drop_templates(self) -> None:
        """Drop the templates and the roles of their tenants, when all processes have ended."""
        self._servers = self._servers or self.find_servers()
        control = self._templates.control
        if not self.keep and control and Administrator(self._servers, control).noted():
            self._drop(self._templates)

    @property
    def _templates(self) -> Registry:
        assert self._servers is not None, "they were found before"
        return for_tests(self._servers.registry, TEMPLATE)

    def _drop(self, registry: Registry, but_roles_of: Registry | None = None) -> None:
        assert self._servers is not None, "they were found before"
        roles = reserved_roles(registry)
        if but_roles_of is not None:
            roles -= reserved_roles(but_roles_of)
        for server in servers_of(registry):
            Administrator(self._servers, server).drop()
        drop_roles(registry, roles)

    def _make(self) -> None:
        from django.conf import settings

        servers = self._servers = self.find_servers()
        if servers.registry.control is None or not servers.registry.shards:
            raise NoServers("The registry must name a control database and at least one shard.")
        # What a test lasts, not five seconds; and no heartbeat, which is a thread.
        settings.ATOLL_DIRECTORY_SECONDS = _REMEMBERED_S
        settings.ATOLL_PROCESS_ROWS = False
        settings.ATOLL_ROLE_BATCH = _FEW_ROLES
        _forget_settings()
        self._redis = Redis.of_tests(servers.redis_url, worker=self.worker, run=self.run)
        mine = for_tests(servers.registry, self.worker)
        folder = self._open.enter_context(tempfile.TemporaryDirectory(prefix="atoll-kit-"))
        file = Path(folder, "registry.toml")
        wanted = template.shape()
        for registry in (self._templates, mine):
            for server in servers_of(registry):
                Administrator(servers, server).check_ours()
        self._make_templates(servers, wanted, file)
        if not self._may_reuse(servers, mine, wanted):
            self._clone(servers, mine, file)
        template.use(mine, file)
        _close_connections()
        from tenants.directory.source import ask_control
        from tenants.directory.types import HostKey, IdKey

        self.tenants = _tenants()
        self._entries = {
            key: ask_control(key)
            for each in self.tenants.values()
            for key in (HostKey(each.host), IdKey(each.id))
        }

    def _make_templates(self, servers: Servers, wanted: str, file: Path) -> None:
        templates = self._templates
        assert templates.control is not None, "_make() has looked"
        of_all = Administrator(servers, templates.control)
        with of_all.alone():
            shape, _, made_by = of_all.noted().partition(" ")
            if shape != wanted or (self.anew and made_by != self.run):
                self.tell("making the test databases (kept by --reuse-db) ...")
                template.build(servers, templates, file, tell=lambda line: None)
                _close_connections()
                of_all.note(f"{wanted} {self.run}")

    def _may_reuse(self, servers: Servers, mine: Registry, wanted: str) -> bool:
        if not self.keep or self.anew:
            return False
        return all(Administrator(servers, one).noted() == wanted for one in servers_of(mine))

    def _clone(self, servers: Servers, mine: Registry, file: Path) -> None:
        from sharding.schemas.services.prepare_shard import prepare_shard

        for target, source in zip(servers_of(mine), servers_of(self._templates), strict=True):
            admin = Administrator(servers, target)
            admin.make(source.direct.dbname)
            if target.name in mine.shards:
                # A copy has all that is inside, but no rights on the database itself.
                prepare_shard(admin.conninfo, target)
            admin.note(template.shape())
        template.use(mine, file)

    def _mark(self, text: str) -> None:
        """Say on the databases in which state they are; one that is in use is not used again."""
        assert self._servers is not None, "the databases are made"
        if self.keep:
            for server in servers_of(current.registry()):
                Administrator(self._servers, server).note(text)

    def _drop_further_schemas(self) -> None:
        from sharding.schemas.services.drop_schema import drop_schema

        known = {each.place.schema for each in self.tenants.values()}
        for server in current.registry().shards.values():
            for schema in schemas_of(self._owners[server.name]) - known:
                drop_schema(server, schema)


def _tenants() -> dict[str, TenantUnderTest]:
    from sharding.placements.services.placing import get_placement
    from tenants.models import CONTROL, Domain

    found = {}
    for domain in Domain.objects.using(CONTROL).select_related("tenant").filter(is_primary=True):
        tenant: Any = domain.tenant
        place = get_placement(tenant.id).to_scope()
        found[tenant.slug] = TenantUnderTest(
            id=tenant.id, slug=tenant.slug, name=tenant.name, host=domain.domain, place=place
        )
    return found


def _forget_settings() -> None:
    from tenants.conf import tenant_settings
    from tenants.directory.lookup import directory

    tenant_settings.cache_clear()
    directory.cache_clear()


def _close_connections() -> None:
    from django.db import DEFAULT_DB_ALIAS, connections

    handler: Any = connections
    for alias, wrapper in handler.wrappers().items():
        wrapper.close()
        if alias != DEFAULT_DB_ALIAS:
            wrapper.close_pool()
