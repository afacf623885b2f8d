"""Dropping packets of one port on this machine, which takes root."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

_MARK = "atoll-tests-of-"


def can_drop() -> bool:
    """Whether this process may drop packets outside of a namespace of its own."""
    program = iptables()
    if os.geteuid() != 0 or program is None:
        return False
    listed = subprocess.run([program, "-w", "-n", "-L"], capture_output=True, check=False)
    return listed.returncode == 0


def iptables() -> str | None:
    return shutil.which("iptables", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def rules_for(port: int) -> list[list[str]]:
    """To the port and back from it: connections that are open go silent as well."""
    mark = ["-m", "comment", "--comment", f"{_MARK}{os.getpid()}"]
    return [
        ["INPUT", "-i", "lo", "-p", "tcp", direction, str(port), *mark, "-j", "DROP"]
        for direction in ("--dport", "--sport")
    ]


@contextmanager
def dropped_packets(port: int) -> Iterator[None]:
    """No packet to or from 127.0.0.1:`port` arrives within the block."""
    program = iptables()
    assert program is not None
    _remove_orphaned_rules(program)
    made = []
    try:
        for rule in rules_for(port):
            subprocess.run([program, "-w", "-I", *rule], check=True, capture_output=True)
            made.append(rule)
        yield
    finally:
        for rule in made:
            subprocess.run([program, "-w", "-D", *rule], check=True, capture_output=True)


def _remove_orphaned_rules(program: str) -> None:
    # A test run that was killed could not take its rules away.
    listed = subprocess.run([program, "-w", "-S", "INPUT"], check=True, capture_output=True)
    for line in listed.stdout.decode().splitlines():
        words = line.replace('"', "").split()
        owner = next((word for word in words if word.startswith(_MARK)), None)
        if owner is not None and not psutil.pid_exists(int(owner.removeprefix(_MARK))):
            subprocess.run([program, "-w", "-D", *words[1:]], check=False, capture_output=True)
