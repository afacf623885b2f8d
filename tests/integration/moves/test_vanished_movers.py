"""A mover that vanished without a word leaves no session: the server's kernel asks after it."""

import time
from contextlib import contextmanager

import psycopg
import pytest

from sharding.moves.connections import PATIENCE, Who, mover_login, mover_of
from sharding.registry import current as registry
from sharding.schemas.errors import ServerUnreachable
from tests.faults.packets import can_drop, dropped_packets
from tests.fixtures.servers import missing
from tests.fixtures.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.needs("iptables")]

OURS = Who("tgone0001", 1, 1)
PLAIN = Who("tgone0001", 1, 2)
SESSIONS = """
    SELECT application_name FROM pg_stat_activity
    WHERE application_name LIKE 'mv:tgone0001:%' ORDER BY 1
"""


@contextmanager
def without_our_settings(server, who):
    """Negative control: a session of the same login, as anybody would begin it."""
    parameters = server.direct.parameters(mover_of(server))
    connection = psycopg.connect(**parameters, autocommit=True, application_name=who.session)
    try:
        yield
    finally:
        connection.close()


def test_its_session_ends_within_seconds_and_one_without_our_settings_does_not(stack_ready):
    if not can_drop():
        missing("no packets can be dropped here")
    server = registry.shard("beta")
    with psycopg.connect(stack_ready.admin_conninfo("beta"), autocommit=True) as admin:

        def there():
            return [name for (name,) in admin.execute(SESSIONS)]

        with (
            pytest.raises(ServerUnreachable),
            without_our_settings(server, PLAIN),
            mover_login(server, PATIENCE, OURS) as mover,
        ):
            assert there() == [OURS.session, PLAIN.session]
            # Until the last answer is acknowledged; else the kernel sends it again, for minutes.
            time.sleep(0.5)
            with dropped_packets(server.direct.port):
                wait_for(lambda: there() == [PLAIN.session], "it stays", seconds=30)
            mover.execute("SELECT 1")
        wait_for(lambda: there() == [], "the packets arrive again", seconds=30)
