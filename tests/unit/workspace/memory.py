"""How much memory something takes, seen from outside: by a process of its own."""

import subprocess
import sys

_SCRIPT = """
import io, sys

def most():
    # Of this program alone: what getrusage tells begins with the size of whoever started it.
    with open("/proc/self/status") as status:
        (line,) = (line for line in status if line.startswith("VmHWM:"))
    return int(line.split()[1])

{setup}
sent = io.BytesIO(sys.stdin.buffer.read())
do(io.BytesIO(bytes.fromhex(sys.argv[1])))
before = most()
said = do(sent)
print(said, (most() - before) // 1024)
"""


def taken(setup: str, content: bytes, *, warm: bytes) -> tuple[str, int]:
    """What `do(content)`, defined by `setup`, says, and the megabytes that it takes at most.

    warm: what it did before, so that modules and caches are there.
    """
    done = subprocess.run(
        [sys.executable, "-c", _SCRIPT.format(setup=setup), warm.hex()],
        input=content,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    said, grown = done.stdout.decode().split()
    return said, int(grown)
