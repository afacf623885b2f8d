"""All servers of one folder: control, shards, Redis, PgBouncer."""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

from psycopg.conninfo import make_conninfo

from devstack import folders, processes
from devstack.account import Account, server_account
from devstack.addresses import (
    CONTROL,
    database_of,
    through_pooler,
    with_servers,
    without_pooler,
)
from devstack.building import PGBOUNCER, REDIS, Wanted, build_pgbouncer, build_servers
from devstack.conf import Files
from devstack.errors import NotStarted, UnknownServer
from devstack.locking import folder_lock
from devstack.logins import ensure_database, ensure_logins, logins_of
from devstack.pgbouncer_server import PgBouncerServer
from devstack.postgres_server import SUPERUSER, PostgresServer
from devstack.redis_server import RedisServer
from devstack.server import Server
from devstack.state import State, read_state, write_state
from sharding.private_files import write_private
from sharding.registry.errors import MalformedRegistry
from sharding.registry.toml_file import read_registry, write_registry
from sharding.registry.types import Endpoint, Login, Registry
from sharding.registry.types import Server as Address

_WAIT_FOR_LOCK = timedelta(seconds=90)


@dataclass
class Stack:
    """The servers of one folder. What is written there outlives this object and this process.

    Started are those that the attributes name; looked at and stopped all that run in the folder.

    Attributes:
        folder: home of the registry file, the logs and (where reachable) the data.
        fsync: whether data survives a crash of the machine; off for throw-away servers.
        pg_bin: PostgreSQL's programs; None: ATOLL_PG_BIN, else the wheel's.
        shards: their names.
        redis: whether Redis runs.
        pgbouncer: whether PgBouncer runs; None: if the system has it. Where it runs, it is
            the pooled address of every server.
    """

    folder: Path
    fsync: bool = False
    pg_bin: Path | None = None
    shards: tuple[str, ...] = ("alpha", "beta")
    redis: bool = True
    pgbouncer: bool | None = False
    _servers: dict[str, Server] = field(default_factory=dict, init=False, repr=False)
    _major: int = field(default=0, init=False, repr=False)
    _lock_depth: int = field(default=0, init=False, repr=False)

    def __post_init__(self) -> None:
        self.folder = self.folder.absolute()
        self.files = Files(self.folder)

    def start(self, *, new_ports: bool = False) -> None:
        """Make all servers run, with their databases and logins, and write the registry.

        Locks: the folder's. Idempotent: what runs is left alone, what died is started again.

        Raises:
            DevstackError: which one says what to do; servers that this call started are stopped.
        """
        with self.locked(), folders.disk_full_told(self.folder):
            self._prepare(new_ports=new_ports)
            started: list[Server] = []
            try:
                # PgBouncer last: its entries point at the others.
                first = [server for name, server in self._servers.items() if name != PGBOUNCER]
                with ThreadPoolExecutor(len(first)) as pool:
                    tasks = [pool.submit(self._start_one, server, started) for server in first]
                for task in tasks:
                    task.result()
                if pooler := self._pooler():
                    self._start_one(pooler, started)
                    pooler.see_who_is_back("web")
            except BaseException:
                for server in reversed(started):
                    server.stop()
                raise
            self._write_registry()

    def stop(self) -> None:
        """Shut all servers down, cleanly if they let us. Locks: the folder's. Idempotent."""
        if self._has_files():
            self._stop_all(cleanly=True)

    def destroy(self) -> None:
        """Stop all servers and remove all that they and we wrote. Idempotent."""
        if self._has_files():
            self._stop_all(cleanly=False)
            if self._state.sockets:
                folders.remove(Path(self._state.sockets))
            folders.remove(Path(self._state.place))
        self._servers.clear()
        folders.remove_ours(self.folder)

    def registry(self) -> Registry:
        """The addresses and logins of all servers.

        Raises:
            NotStarted: there are none yet.
        """
        try:
            return read_registry(self.files.registry)
        except FileNotFoundError:
            raise NotStarted(self.folder) from None

    def direct_registry(self) -> Registry:
        """The same with no pooler in between."""
        return without_pooler(self.registry())

    @property
    def servers(self) -> Mapping[str, Server]:
        """All servers by name.

        Raises:
            NotStarted: the folder holds none yet.
        """
        if not self._servers:
            if not self._has_files():
                raise NotStarted(self.folder)
            self._load()
        return self._servers

    @property
    def databases(self) -> tuple[str, ...]:
        """The names of the PostgreSQL servers."""
        return (CONTROL, *self.shards)

    @property
    def major(self) -> int:
        """PostgreSQL's major version."""
        _ = self.servers
        return self._major

    def server(self, name: str) -> Server:
        """One server.

        Raises:
            UnknownServer: there is none of that name.
        """
        try:
            return self.servers[name]
        except KeyError:
            raise UnknownServer(name, tuple(self.servers)) from None

    def add_pgbouncer(self) -> PgBouncerServer:
        """A PgBouncer over servers that run, not started yet; it goes into no registry file.

        Raises:
            NoServerBinaries: the system has none.
        """
        pooler = self._pooler()
        if pooler is None:
            servers = self.servers
            pooler = build_pgbouncer(self._wanted(), self._state, server_account(), servers)
            self._servers[PGBOUNCER] = pooler
            write_state(self.files.state, self._state)
        return pooler

    def pooled_registry(self) -> Registry:
        """The registry with PgBouncer before every server."""
        return through_pooler(self.registry(), port=self.server(PGBOUNCER).port)

    def stop_server(self, name: str) -> None:
        """Shut one server down: from then on, connections are refused."""
        self.server(name).stop()

    def start_server(self, name: str) -> None:
        """Start one server that was stopped, held or killed."""
        self.server(name).start()

    def kill_server(self, name: str) -> None:
        """SIGKILL one server's main process."""
        self.server(name).kill()

    def sigstop(self, name: str) -> None:
        """Hold all processes of one server."""
        self.server(name).sigstop()

    def sigcont(self, name: str) -> None:
        """Let them go on."""
        self.server(name).sigcont()

    @property
    def redis_url(self) -> str:
        """Redis' address with its password, database 0."""
        server = self.server(REDIS)
        assert isinstance(server, RedisServer)
        return server.url

    def admin_conninfo(self, name: str, dbname: str | None = None) -> str:
        """The superuser's way in, over the socket. For set-up and for looking on, never to serve.

        dbname: by default the one that the registry names.
        """
        server = self.server(name)
        if not isinstance(server, PostgresServer):
            raise UnknownServer(name, self.databases)
        return make_conninfo(
            host=str(server.site.sockets),
            port=server.port,
            dbname=dbname or database_of(name),
            user=SUPERUSER,
            password=server.password,
            connect_timeout=10,
        )

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep other commands away from this folder; may be nested.

        Raises:
            StackIsBusy: another process held it too long.
        """
        if self._lock_depth == 0:
            folders.make_home(self.folder)
        with nullcontext() if self._lock_depth else folder_lock(self.folder, wait=_WAIT_FOR_LOCK):
            self._lock_depth += 1
            try:
                yield
            finally:
                self._lock_depth -= 1

    # --- inside ----------------------------------------------------------------------------

    def _stop_all(self, *, cleanly: bool) -> None:
        with self.locked():
            self._load()
            # PgBouncer first: it would otherwise knock at servers that are gone.
            if PGBOUNCER in self._servers:
                self._servers[PGBOUNCER].stop(cleanly=cleanly)
            rest = [server for name, server in self._servers.items() if name != PGBOUNCER]
            with ThreadPoolExecutor(len(rest)) as pool:
                for task in [pool.submit(server.stop, cleanly=cleanly) for server in rest]:
                    task.result()

    def _pooler(self) -> PgBouncerServer | None:
        pooler = self._servers.get(PGBOUNCER)
        assert pooler is None or isinstance(pooler, PgBouncerServer)
        return pooler

    def _has_files(self) -> bool:
        place = folders.place_outside(self.folder.resolve())
        return any(path.exists() for path in (self.files.state, self.folder / "servers", place))

    def _prepare(self, *, new_ports: bool) -> None:
        account = server_account()
        state = self._read_state(account)
        if not folders.sockets_are_ours(Path(state.sockets), account):
            state.sockets = str(folders.make_sockets(self.folder.resolve(), account))
        if new_ports:
            self._forget_idle_ports(state, account)
        self.files.logs.mkdir(mode=0o700, exist_ok=True)
        self._build(state, account)
        write_state(self.files.state, state)

    def _load(self) -> None:
        account = server_account()
        self._build(self._read_state(account), account)
        if others := self._others_that_run():
            self._build(self._state, account, also=others)

    def _others_that_run(self) -> tuple[str, ...]:
        """Shards of an earlier start that run although nobody names them any more.

        Left out, they would outlive `stop`, and lose their files under them to `destroy`.
        """
        made = (version.parent for version in Path(self._state.place).glob("*/PG_VERSION"))
        others = [each for each in made if each.name not in self._servers and "." not in each.name]
        program = PostgresServer.program
        return tuple(
            sorted(each.name for each in others if processes.working_in(each.resolve(), program))
        )

    def _read_state(self, account: Account) -> State:
        """What is remembered; where that was lost, all but ports and passwords is found again."""
        state = read_state(self.files.state) or State(place="", sockets="")
        if not state.place or not Path(state.place).is_dir():
            folders.make_home(self.folder)
            state.place = str(folders.choose_place(self.folder.resolve(), account))
        return state

    def _build(self, state: State, account: Account, *, also: tuple[str, ...] = ()) -> None:
        wanted = self._wanted()
        wanted = replace(wanted, databases=(*wanted.databases, *also))
        built = build_servers(wanted, state, account)
        self._servers, self._major, self._state = built.servers, built.major, state

    def _wanted(self) -> Wanted:
        return Wanted(
            files=self.files,
            fsync=self.fsync,
            pg_bin=self.pg_bin,
            databases=self.databases,
            redis=self.redis,
            pgbouncer=self.pgbouncer,
        )

    def _forget_idle_ports(self, state: State, account: Account) -> None:
        self._build(state, account)
        for name, server in self._servers.items():
            if server.pid is None:
                del state.ports[name]

    def _start_one(self, server: Server, started: list[Server]) -> None:
        if server.start():
            started.append(server)
        if isinstance(server, PostgresServer):
            database = database_of(server.name)
            postgres = self.admin_conninfo(server.name, "postgres")
            ensure_database(postgres, database, password=server.password)
            of_server = self._state.passwords[server.name]
            passwords = {login: of_server[login] for login in logins_of(server.name, self._major)}
            conninfo = self.admin_conninfo(server.name)
            ensure_logins(conninfo, server.name, database, passwords)

    def _write_registry(self) -> None:
        try:
            old = read_registry(self.files.registry)
        except (FileNotFoundError, MalformedRegistry):
            old = Registry()
        new = with_servers(old, {name: self._address(name) for name in self.databases})
        if new != old:
            write_registry(self.files.registry, replace(new, version=old.version + 1))
        lines = [f"ATOLL_REGISTRY={self.files.registry}"]
        if self.redis:
            lines.append(f"ATOLL_REDIS_URL={self.redis_url}")
        write_private(self.files.environment, "\n".join(lines) + "\n")

    def _address(self, name: str) -> Address:
        of_server = self._state.passwords[name]
        logins = {user: Login(user, of_server[user]) for user in logins_of(name, self._major)}
        direct = Endpoint("127.0.0.1", self._servers[name].port, database_of(name))
        pooler = self._servers.get(PGBOUNCER)
        pooled = Endpoint("127.0.0.1", pooler.port, name) if pooler else direct
        return Address(
            name=name,
            direct=direct,
            pooled=pooled,
            web=logins["web"],
            own=logins["own"],
            mover=logins.get("mover"),
            role_maker=logins.get("rolemaker"),
        )
