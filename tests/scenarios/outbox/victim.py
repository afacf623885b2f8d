"""Drains one tenant's outbox; writes what it handles into a file, and stops there to be killed."""

import os
import sys
import time
from pathlib import Path

import django


def main(tenant_id, told, stops_after, marks_first=""):
    from sharding import scope
    from sharding.placements.services.placing import get_placement
    from tenants.outbox.services.drain import drain
    from tenants.outbox.topics import register_topic

    def handle(message):
        with Path(told).open("a", encoding="utf-8") as file:
            file.write(f"{message.payload}\n")
            file.flush()
            os.fsync(file.fileno())
        if message.payload == stops_after:
            time.sleep(600)

    def mark_and_handle(message):
        message.delete()
        handle(message)

    register_topic("told-twice", mark_and_handle if marks_first else handle)
    with scope.enter(get_placement(tenant_id).to_scope()):
        drain()


if __name__ == "__main__":
    django.setup()
    main(*sys.argv[1:])
