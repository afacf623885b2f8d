"""A drain that is killed between handling and marking: again, in order, never lost."""

import signal
import subprocess
import sys
import time

from sharding import scope
from tenants.outbox.services.drain import drain


def test_what_is_handled_but_not_marked_when_its_process_is_killed_is_handled_again(
    fig, tell, topic, tmp_path
):
    topic("told-twice")
    tell(fig, "one", "two", "three", topic="told-twice")
    told = tmp_path / "told"
    victim = start_victim(fig, told, "two")
    wait_for(lambda: told.exists() and told.read_text().split() == ["one", "two"])
    # Handled, not marked; and while it is at it, nobody else takes its turn.
    with scope.enter(fig):
        assert drain().delivered == 0
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    heir = start_victim(fig, told, "")
    _, err = heir.communicate(timeout=30)
    assert heir.returncode == 0, err
    assert told.read_text().split() == ["one", "two", "two", "three"]


def test_negative_control_whoever_marks_before_handling_loses_it(fig, tell, topic, tmp_path):
    topic("told-twice")
    tell(fig, "one", "two", "three", topic="told-twice")
    told = tmp_path / "told"
    victim = start_victim(fig, told, "two", "marks first")
    wait_for(lambda: told.exists() and told.read_text().split() == ["one", "two"])
    victim.send_signal(signal.SIGKILL)
    victim.communicate()
    _, err = (heir := start_victim(fig, told, "")).communicate(timeout=30)
    assert heir.returncode == 0, err
    assert told.read_text().split() == ["one", "two", "three"], "two was not told again"


def start_victim(place, told, stops_after, *more):
    words = [sys.executable, "-m", f"{__package__}.victim", place.tenant_id, str(told), stops_after]
    words += more
    return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def wait_for(truth, seconds=20):
    deadline = time.monotonic() + seconds
    while not truth():
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.05)
