"""A shard that is down hurts its own tenants only, and them not for long."""

from tests.faults.down import Down
from tests.fixtures.downs import Times, down_under_load

QUICK = Times(warm=0.5, before=1, during=4.5, after=2.5)


def test_a_shard_that_is_held_hurts_its_own_tenants_only(ground):
    with ground.served("gthread") as server:
        told = down_under_load(
            ground,
            server,
            ground.lane("beta", 20),
            ground.lane("alpha", 2),
            name="alpha",
            how=Down.SIGSTOP,
            times=QUICK,
        )
    assert told.statuses("beta", "during") == {200}
    assert told.statuses("alpha", "before") == {200}
    assert told.first_503_s["alpha"] is not None
    assert told.slowest_s["alpha"] < 15
    assert told.recovery_s["alpha"] is not None
