"""Runs inside the namespace: wakes the loopback device and leads ports to unix sockets."""

import json
import subprocess
import sys

from tests.faults.proxy import TcpProxy


def main() -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    sockets = json.loads(sys.argv[1])
    proxies = [TcpProxy(path, port=int(port)) for port, path in sockets.items()]
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.read()
    for proxy in proxies:
        proxy.close()


if __name__ == "__main__":
    main()
