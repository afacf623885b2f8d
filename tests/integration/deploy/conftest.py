"""Two tenants on different shards, and gunicorn in front of them as deploy/ configures it."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest
from django.conf import global_settings
from django.test import override_settings

from config import env
from sharding import scope
from tenants.services.provision import provision_tenant
from tenants.services.types import ProvisionRequest

PASSWORD = "a password of the tests"
CONFIGURATION = env.ROOT / "deploy" / "gunicorn.conf.py"
_STARTS_WITHIN_S = 40.0
_FIELD = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


@dataclass(frozen=True)
class Tenant:
    slug: str
    place: scope.Placement

    @property
    def host(self):
        return f"{self.slug}.localhost"

    @property
    def email(self):
        return f"admin@{self.slug}.example"

    def scope(self):
        return scope.enter(self.place)


def make(slug, shard):
    # Production takes no password that the tests' quick hasher has made.
    with override_settings(PASSWORD_HASHERS=global_settings.PASSWORD_HASHERS):
        receipt = provision_tenant(
            ProvisionRequest(
                slug=slug,
                name=slug.title(),
                shard=shard,
                admin_email=f"admin@{slug}.example",
                admin_password=PASSWORD,
            )
        )
    return Tenant(slug, receipt.placement)


@pytest.fixture(scope="session")
def dock(stack_ready):
    return make("dock", "alpha")


@pytest.fixture(scope="session")
def emery(stack_ready):
    return make("emery", "beta")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@dataclass
class Response:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


def ask(port, path, host="127.0.0.1", *, method="GET", headers=(), body=None, timeout=20):
    """One request of its own connection, to exactly this port, whatever `host` says."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request(method, path, body, {"Host": host, **dict(headers)})
        answer = connection.getresponse()
        return Response(answer.status, answer.headers, answer.read())
    finally:
        connection.close()


@dataclass
class Member:
    """Somebody who signs in through the site, as a browser does."""

    port: int
    tenant: Tenant
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path, **how):
        return self._ask("GET", path, **how)

    def sign_in(self):
        page = self.get("/account/sign-in/")
        token = _FIELD.search(page.text).group(1)
        form = (
            f"csrfmiddlewaretoken={token}&username={self.tenant.email.replace('@', '%40')}"
            f"&password={PASSWORD.replace(' ', '+')}"
        )
        answer = self._ask(
            "POST",
            "/account/sign-in/",
            body=form,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
        assert answer.status == 302, answer.text
        return self

    def _ask(self, method, path, *, headers=(), **how):
        sent = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        answer = ask(
            self.port,
            path,
            self.tenant.host,
            method=method,
            headers={**sent, **dict(headers)},
            **how,
        )
        for line in answer.headers.get_all("Set-Cookie", ()):
            name, _, rest = line.partition("=")
            self.cookies[name] = rest.partition(";")[0]
        return answer


class Gunicorn:
    """gunicorn with production's settings and deploy/gunicorn.conf.py, over plain HTTP."""

    def __init__(self, stack, folder: Path, *, application="config.wsgi", **environment):
        folder.mkdir(parents=True, exist_ok=True)
        self.port, self.metrics_port = free_port(), free_port()
        self.log, self.access_log = folder / "errors.log", folder / "access.log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ATOLL_")}
        self.environment = {
            **kept,
            "DJANGO_SETTINGS_MODULE": "config.settings.prod",
            "ATOLL_SECRET_KEY": "a secret of these tests that is long enough for everybody 1234567",
            "ATOLL_REGISTRY": str(stack.files.registry),
            "ATOLL_REDIS_URL": stack.redis_url,
            "ATOLL_HTTPS": "false",
            "ATOLL_FILES_ROOT": str(folder / "files"),
            "ATOLL_STATIC_ROOT": str(folder / "static"),
            "ATOLL_BIND": f"127.0.0.1:{self.port}",
            "ATOLL_METRICS_BIND": f"127.0.0.1:{self.metrics_port}",
            "WEB_CONCURRENCY": "1",
            **environment,
        }
        self.application = application
        self._process = None

    def start(self):
        with self.log.open("ab") as errors, self.access_log.open("ab") as lines:
            self._process = subprocess.Popen(
                (sys.executable, "-m", "gunicorn", "-c", str(CONFIGURATION), self.application),
                cwd=env.ROOT,
                env=self.environment,
                stdout=lines,
                stderr=errors,
            )
        deadline = time.monotonic() + _STARTS_WITHIN_S
        while True:
            with suppress(OSError):
                answers = ask(self.port, "/healthz", timeout=5).status == 200
                if answers and len(self.workers()) == int(self.environment["WEB_CONCURRENCY"]):
                    return self
            assert self._process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)

    @property
    def pid(self):
        return self._process.pid

    def workers(self):
        return [child.pid for child in psutil.Process(self.pid).children()]

    def manage(self, *arguments):
        return subprocess.run(
            (sys.executable, "manage.py", *arguments),
            cwd=env.ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def terminate(self):
        self._process.send_signal(signal.SIGTERM)

    def wait(self, seconds=30):
        return self._process.wait(seconds)

    def stop(self):
        if self._process is not None and self._process.poll() is None:
            self.terminate()
            try:
                self.wait()
            except subprocess.TimeoutExpired:
                for pid in (*self.workers(), self.pid):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                self.wait()

    def access_lines(self):
        return [json.loads(line) for line in self.access_log.read_text().splitlines()]

    def error_lines(self):
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def figures(self):
        """What a scraper reads, as {'name{labels}': number}."""
        page = ask(self.metrics_port, "/metrics")
        assert page.status == 200
        lines = [line for line in page.text.splitlines() if line and not line.startswith("#")]
        return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}


@pytest.fixture(scope="session")
def styles(stack_ready, tmp_path_factory):
    """The folder that collectstatic has filled, as ATOLL_STATIC_ROOT."""
    made = Gunicorn(stack_ready, tmp_path_factory.mktemp("styles"))
    collected = made.manage("collectstatic", "--no-input", "--verbosity", "0")
    assert collected.returncode == 0, collected.stderr
    return made.environment["ATOLL_STATIC_ROOT"]


@pytest.fixture(scope="session")
def site(stack_ready, styles, tmp_path_factory):
    """One gunicorn of two workers for all tests that change nothing about it."""
    folder = tmp_path_factory.mktemp("site")
    made = Gunicorn(stack_ready, folder, ATOLL_STATIC_ROOT=styles, WEB_CONCURRENCY="2")
    yield made.start()
    made.stop()


@pytest.fixture(scope="session")
def site_of_https(stack_ready, styles, tmp_path_factory):
    """The same, one worker, which wants HTTPS and has nobody before it."""
    folder = tmp_path_factory.mktemp("https")
    made = Gunicorn(stack_ready, folder, ATOLL_STATIC_ROOT=styles, ATOLL_HTTPS="true")
    yield made.start()
    made.stop()


@pytest.fixture
def start(stack_ready, tmp_path, styles):
    """Starts gunicorns that end with the test."""
    started = []

    def begin(**how):
        folder = tmp_path / f"site{len(started)}"
        started.append(Gunicorn(stack_ready, folder, **{"ATOLL_STATIC_ROOT": styles, **how}))
        return started[-1].start()

    yield begin
    for made in started:
        made.stop()
