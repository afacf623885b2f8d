"""Registers the topic of the scenario in a worker (`celery worker -I`); writes what it handles.

A message says the file; one that also says `stop` is handled, and not marked: the worker waits
there to be killed, but only the first time.
"""

import os
import time
from pathlib import Path

from tenants.outbox.topics import register_topic

TOPIC = "told-by-worker"


def handle(message):
    told = Path(message.payload["file"])
    before = told.read_text(encoding="utf-8").split() if told.exists() else []
    with told.open("a", encoding="utf-8") as file:
        file.write(f"{message.payload['text']}\n")
        file.flush()
        os.fsync(file.fileno())
    if message.payload.get("stop") and message.payload["text"] not in before:
        time.sleep(600)


register_topic(TOPIC, handle)
