import threading

from sharding.moves.control_points import VARIABLE, reach
from tests.fixtures.waiting import wait_for


def test_nothing_happens_at_a_point_that_nobody_armed(tmp_path, monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    reach("switch.before")
    monkeypatch.setenv(VARIABLE, f"{tmp_path}:switch.after")
    reach("switch.before")
    assert list(tmp_path.iterdir()) == []


def test_whoever_comes_to_an_armed_point_says_so_and_waits(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, f"{tmp_path}:switch.after")
    mover = threading.Thread(target=reach, args=("switch.after",))
    mover.start()
    wait_for((tmp_path / "switch.after").exists)
    assert mover.is_alive()
    (tmp_path / "switch.after.go").touch()
    mover.join(timeout=10)
    assert not mover.is_alive()
