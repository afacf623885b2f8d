"""nginx with the site of deploy/nginx, unchanged but for what stands in atoll/here.conf."""

import os
import shutil
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from config import env
from tests.integration.deploy.conftest import ask, free_port

SHIPPED = env.ROOT / "deploy" / "nginx"
HERE = """
listen 127.0.0.1:{port} default_server;
server_name _;
access_log {folder}/access.log atoll;
set $atoll_static {static};
set $atoll_files {files};
"""


def program():
    return shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")


def lay_out(folder: Path) -> Path:
    """The shipped configuration in `folder`, with its temporary files there as well."""
    (folder / "atoll").mkdir(parents=True)
    for name in ("atoll.conf", "upstreams.conf", "here.conf", "tls.conf"):
        shutil.copy(SHIPPED / name, folder / "atoll" / name)
    main = (SHIPPED / "nginx.conf").read_text().replace("/tmp/", f"{folder}/")
    # Root's temporary folders are closed to the account that workers would change to.
    user = "user root;\n" if os.geteuid() == 0 else ""
    path = folder / "nginx.conf"
    path.write_text(user + main)
    return path


def tried(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        (program(), "-t", "-c", str(path), "-p", str(path.parent)),
        capture_output=True,
        text=True,
        check=False,
    )


class Nginx:
    """A front server before some gunicorns."""

    def __init__(self, folder: Path, *, ports, static, files, site=None):
        self.port = free_port()
        self.folder = folder
        self._main = lay_out(folder)
        if site is not None:
            (folder / "atoll" / "atoll.conf").write_text(site)
        here = HERE.format(port=self.port, folder=folder, static=static, files=files)
        (folder / "atoll" / "here.conf").write_text(here)
        self._process = None
        self.serve(ports)

    def serve(self, ports):
        """Write which gunicorns there are."""
        rest = "max_fails=2 fail_timeout=5s"
        lines = "".join(f"server 127.0.0.1:{port} {rest};\n" for port in ports)
        (self.folder / "atoll" / "upstreams.conf").write_text(lines)

    def start(self):
        with (self.folder / "errors.log").open("ab") as errors:
            self._process = subprocess.Popen(
                (program(), "-c", str(self._main), "-p", str(self.folder), "-g", "daemon off;"),
                stdout=errors,
                stderr=errors,
            )
        deadline = time.monotonic() + 20
        while True:
            with suppress(OSError):
                ask(self.port, "/metrics")
                return self
            said = (self.folder / "errors.log").read_text()
            assert self._process.poll() is None, said
            assert time.monotonic() < deadline, said
            time.sleep(0.05)

    def stop(self):
        if self._process is not None and self._process.poll() is None:
            self._process.terminate()
            self._process.wait(15)
