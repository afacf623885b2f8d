"""The demo from start to stop."""

import http.client
import json
import secrets
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from devstack.demo.console_output import LabelledOutput
from devstack.demo.errors import DemoRunsAlready, NotReady, WebPortTaken
from devstack.demo.help_desk import PEOPLE
from devstack.demo.interrupts import Interrupts
from devstack.demo.leftovers import end_leftovers, remember
from devstack.demo.operators import make_operator, welcome_operator
from devstack.demo.plan import (
    collect_styles,
    make_tenants,
    plan_environment,
    plan_programs,
)
from devstack.demo.servers import UnderDemo, environment_of, running_servers
from devstack.demo.supervisor import Supervisor, run_program
from devstack.demo.types import TENANTS, Demo, OperatorSignIn, Running, SignIn
from devstack.errors import StackIsBusy
from devstack.locking import folder_lock
from devstack.ports import holder_of
from sharding.private_files import write_private

_READY_WITHIN: Final = timedelta(seconds=60)
_LOOK_EVERY: Final = 0.2
_CTRL_C: Final = "Ctrl-C stops everything."
_CTRL_C_KEEPS_SERVERS: Final = "Ctrl-C stops it; the servers, which ran before, run on."


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """What was asked for.

    Attributes:
        folder: where servers and product keep everything.
        port: of the web server; 0 takes a free one.
        ready_file: written, readable by its owner only, when the demo is up.
    """

    folder: Path
    port: int
    ready_file: Path | None = None


def run_demo(request: DemoRequest) -> None:
    """Start everything, say where it is, and run until ctrl-C or SIGTERM.

    Raises:
        DevstackError: what kept it from running; everything that it had started is stopped.
    """
    output = LabelledOutput(sys.stdout)
    folder = request.folder / "demo"
    folder.mkdir(parents=True, exist_ok=True)
    with _alone_in(folder), Interrupts() as interrupts:
        # First of all: what was left may hold the port.
        if ended := end_leftovers(folder / "programs.json"):
            output.tell(f"Ended {ended} programs that a killed demo had left behind.")
        try:
            with _listening(request.port) as listener:
                output.tell("Starting the servers …")
                with running_servers(request.folder, output, interrupts) as servers:
                    demo = _plan(folder, listener, servers)
                    _serve(request, demo, listener, output, interrupts)
        except KeyboardInterrupt:
            pass
    output.tell("Stopped.")


def _serve(
    request: DemoRequest,
    demo: Demo,
    listener: socket.socket,
    output: LabelledOutput,
    interrupts: Interrupts,
) -> None:
    sign_ins = _sign_ins(demo.port)
    output.tell("Making the tenants that are missing …")
    environment = demo.environment
    run_program(make_tenants(), output, environment=environment, text=_wishes(sign_ins))
    operator = make_operator(demo, output)
    run_program(collect_styles(), output, environment=environment)
    supervisor = Supervisor(output, environment=environment)
    try:
        for program in plan_programs(demo, listener=listener.fileno()):
            supervisor.start(program)
        remember(demo.folder / "programs.json", supervisor.pids)
        _wait_until_ready(demo.port, supervisor)
        output.tell(_welcome(demo, sign_ins, operator))
        if request.ready_file is not None:
            running = Running(demo.port, supervisor.pids, sign_ins, operator)
            write_private(request.ready_file, running.to_json())
        while output.is_open:
            supervisor.raise_if_one_ended()
            time.sleep(_LOOK_EVERY)
    finally:
        interrupts.hold()
        output.tell("Stopping …")
        supervisor.stop()
        (demo.folder / "programs.json").unlink(missing_ok=True)


def _plan(folder: Path, listener: socket.socket, under: UnderDemo) -> Demo:
    secret_file = folder / "secret"
    if not secret_file.exists():
        write_private(secret_file, secrets.token_urlsafe(50))
    secret = secret_file.read_text("utf-8")
    port = listener.getsockname()[1]
    servers = environment_of(under.stack)
    return Demo(
        folder=folder,
        port=port,
        environment=plan_environment(folder, secret=secret, servers=servers, port=port),
        shards=under.stack.shards,
        servers_run_on=under.run_on,
    )


def _sign_ins(port: int) -> tuple[SignIn, ...]:
    return tuple(
        SignIn(
            slug=tenant.slug,
            shard=tenant.shard,
            host=f"{tenant.slug}.localhost:{port}",
            email=tenant.email,
            password=f"demo-{secrets.token_hex(4)}",
        )
        for tenant in TENANTS
    )


def _wishes(sign_ins: tuple[SignIn, ...]) -> str:
    passwords = {each.slug: each.password for each in sign_ins}
    return json.dumps(
        [
            {**asdict(tenant), "email": tenant.email, "password": passwords[tenant.slug]}
            for tenant in TENANTS
        ]
    )


def _welcome(demo: Demo, sign_ins: tuple[SignIn, ...], operator: OperatorSignIn) -> str:
    end = _CTRL_C_KEEPS_SERVERS if demo.servers_run_on else _CTRL_C
    lines = ["", f"Atoll is up: http://localhost:{demo.port}/", ""]
    lines += [
        f"  http://{each.host}/  on {each.shard:<6}  {each.email}  {each.password}"
        for each in sign_ins
    ]
    others = ", ".join(f"{mailbox}@… ({role})" for mailbox, _, role in PEOPLE)
    lines += ["", f"  Each has besides, with its admin's password: {others}"]
    lines += ["", *welcome_operator(operator)]
    lines += ["", f"  http://localhost:{demo.port}/mail/  all mail; none leaves this machine"]
    lines += ["", f"The passwords are for this demo and this run only. {end}", ""]
    return "\n".join(line or " " for line in lines)


def _wait_until_ready(port: int, supervisor: Supervisor) -> None:
    deadline = time.monotonic() + _READY_WITHIN.total_seconds()
    while not _answers(port):
        supervisor.raise_if_one_ended()
        if time.monotonic() > deadline:
            raise NotReady(_READY_WITHIN.total_seconds())
        time.sleep(_LOOK_EVERY)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/", headers={"Host": "localhost"})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    try:
        with folder_lock(folder, wait=timedelta(0)):
            yield
    except StackIsBusy as error:
        raise DemoRunsAlready(folder.parent) from error


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    # Opened here and handed on, so that nobody can take the port between the look and the start.
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            raise WebPortTaken(port, holder_of(port)) from error
        yield listener
