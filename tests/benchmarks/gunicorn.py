"""Serving one system by gunicorn, with the product's own configuration file."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = ROOT / "deploy" / "gunicorn.conf.py"
WORKERS = 2
THREADS = 4
"""Of each worker: a few keep two CPUs busy, and each has connections of its own to warm."""
_STARTS_WITHIN_SECONDS = 60.0


class DidNotServe(Exception):
    """gunicorn ended, or answered nothing useful."""


class Gunicorn:
    """A running gunicorn of one system: workers and threads as above, the rest as in the product.

    Workers are not replaced after so many requests (`--max-requests 0`): each measurement is warm.
    """

    def __init__(
        self, name: str, application: str, *, environment: Mapping[str, str], log: Path
    ) -> None:
        self.name = name
        self.port = _free_port()
        self._log = log
        command = [
            sys.executable, "-m", "gunicorn", "--config", str(CONFIGURATION),
            "--bind", f"127.0.0.1:{self.port}", "--workers", str(WORKERS),
            "--threads", str(THREADS),
            "--max-requests", "0", "--max-requests-jitter", "0", application,
        ]  # fmt: skip
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=environment_of(environment),
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        return self._process.pid

    def get(self, path: str, host: str) -> tuple[int, str]:
        """Status and body of one request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        try:
            connection.request("GET", path, headers={"Host": host})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def wait_until_it_serves(self, path: str, host: str) -> None:
        """Until `path` of `host` is answered with 200.

        Raises:
            DidNotServe: the message has the end of the log.
        """
        deadline = time.monotonic() + _STARTS_WITHIN_SECONDS
        last: object = "nothing"
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                status, body = self.get(path, host)
            except OSError as error:
                last = error
            else:
                if status == http.HTTPStatus.OK:
                    return
                last = f"{status}: {body[:500]}"
            time.sleep(0.2)
        end = "\n".join(self._log.read_text(errors="replace").splitlines()[-30:])
        raise DidNotServe(f"{self.name} did not serve {host}{path}. It said: {last}\n{end}")

    def stop(self) -> None:
        """Idempotent."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def environment_of(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment, with the two source folders on the path, and `extra`."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join((str(ROOT), str(ROOT / "platform"))),
        **extra,
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
