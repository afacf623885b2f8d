"""Children that are noticed to have ended, while other threads start new ones."""

import pytest

from devstack import processes


class Child:
    def __init__(self, ended, meanwhile=lambda: None):
        self.ended = ended
        self.meanwhile = meanwhile

    def poll(self):
        self.meanwhile()
        return 0 if self.ended else None


@pytest.fixture
def children(monkeypatch):
    known = []
    monkeypatch.setattr(processes, "_children", known)
    return known


def test_a_server_that_starts_meanwhile_is_not_forgotten(children):
    born = Child(ended=False)
    children += [Child(ended=True, meanwhile=lambda: children.append(born)), Child(ended=False)]
    _, living = children
    processes.reap()
    assert children == [living, born]


def test_two_threads_may_notice_the_same_one(children):
    dead = Child(ended=True)
    dead.meanwhile = children.clear
    children.append(dead)
    processes.reap()
    assert children == []
