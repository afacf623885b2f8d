"""A shard that is down hurts its own tenants only, and them not for long."""

from tests.faults.down import Down
from tests.fixtures.downs import Times, down_under_load
from tests.fixtures.two_shards import PATH, THREADS, WORKERS

QUICK = Times(warm=0.5, before=1, during=2.5, after=0.5)
# A probe that is late because this machine has too much to do shall open nothing.
PATIENT = {"ATOLL_PROBE_SECONDS": "1"}


def test_a_shard_that_is_held_hurts_its_own_tenants_only_and_they_are_served_again(ground):
    own = ground.lane("alpha", 30)
    # More requests than there are threads, if each waited for as long as the shard is held.
    assert own.per_second * QUICK.during > 2 * WORKERS * THREADS
    with ground.served("gthread", environment=PATIENT) as server:
        told = down_under_load(
            ground,
            server,
            ground.lane("beta", 20),
            own,
            name="alpha",
            how=Down.SIGSTOP,
            times=QUICK,
        )
        for host in ground.hosts("alpha"):
            server.wait_until_it_serves(PATH, host)
    # Where very many come at once on a busy machine, a tenant may have all slots that it may have.
    assert told.served("beta", "during") > 0.8
    assert told.statuses("beta", "during") <= {200, 503}
    assert told.slowest_s["beta"] < 5
    assert told.served("alpha", "during") < 0.5
    assert told.statuses("alpha", "during") <= {200, 503}
    assert told.first_503_s["alpha"] < 3
    assert told.slowest_s["alpha"] < 5
