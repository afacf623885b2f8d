"""One lease per tenant: held by one, told to the others, taken over after its time."""

import subprocess
import sys
import threading
import time
from datetime import timedelta

import pytest
from django.db import connections

from sharding.placements.errors import LeaseHeld, LeaseLost, NoSuchPlacement
from sharding.placements.services.leases import lease
from sharding.placements.services.placing import get_placement

SHORT = timedelta(milliseconds=300)


def test_a_second_one_is_told_who_holds_it_and_for_what(placement):
    with lease(placement.tenant_id, "building") as held:
        with pytest.raises(LeaseHeld, match="for 'building' until") as refused:
            lease(placement.tenant_id, "dropping").__enter__()
        assert refused.value.holder == held.holder
    with lease(placement.tenant_id, "dropping"):
        pass


def test_an_error_gives_it_back_and_passes(placement):
    with pytest.raises(ZeroDivisionError), lease(placement.tenant_id, "failing"):
        raise ZeroDivisionError
    assert get_placement(placement.tenant_id).lease_until is None


def test_only_one_of_many_gets_it(placement):
    taken, refused, all_tried = [], [], threading.Barrier(6)

    def take() -> None:
        all_tried.wait()
        try:
            with lease(placement.tenant_id, "racing"):
                taken.append(1)
                all_tried.wait(10)
        except LeaseHeld:
            refused.append(1)
            all_tried.wait(10)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (len(taken), len(refused)) == (1, 5)


def test_renewing_keeps_it_beyond_its_time(placement):
    with lease(placement.tenant_id, "long", SHORT) as held:
        for _ in range(3):
            time.sleep(0.2)
            held.renew()
            with pytest.raises(LeaseHeld):
                lease(placement.tenant_id, "other").__enter__()


def test_one_that_ran_out_is_lost_at_once_whether_or_not_somebody_took_it(placement):
    with pytest.raises(LeaseLost), lease(placement.tenant_id, "slow", SHORT) as held:
        time.sleep(0.4)
        with pytest.raises(LeaseLost):
            held.renew()


def test_a_thief_is_not_disturbed_by_the_one_it_took_it_from(placement):
    slow = lease(placement.tenant_id, "slow", SHORT)
    slow.__enter__()
    time.sleep(0.4)
    with lease(placement.tenant_id, "thief") as thief:
        assert thief.token == slow.token + 1
        with pytest.raises(LeaseLost):
            slow.renew()
        with pytest.raises(LeaseLost):
            slow.__exit__(None, None, None)
        thief.renew()
        assert get_placement(placement.tenant_id).lease_holder == thief.holder


VICTIM = """
import sys, time
import django; django.setup()
from datetime import timedelta
from sharding.placements.services.leases import lease
with lease(sys.argv[1], "dying", timedelta(seconds=1)):
    print("held", flush=True)
    time.sleep(60)
"""


def test_the_lease_of_a_process_that_was_killed_is_free_after_its_time(placement, process_env):
    victim = subprocess.Popen(
        [sys.executable, "-c", VICTIM, placement.tenant_id],
        stdout=subprocess.PIPE,
        env=process_env,
        text=True,
    )
    try:
        assert victim.stdout.readline() == "held\n"
    finally:
        victim.kill()
        victim.wait()
        victim.stdout.close()
    with pytest.raises(LeaseHeld, match=f":{victim.pid}:"):
        lease(placement.tenant_id, "other").__enter__()
    time.sleep(1.1)
    with lease(placement.tenant_id, "other"):
        pass


def test_who_has_no_placement_has_no_lease():
    with pytest.raises(NoSuchPlacement), lease("tneverwas1", "nothing"):
        pass


def test_a_token_is_raised_over_those_that_shards_have_seen_and_never_lowered(placement):
    with lease(placement.tenant_id, "move") as held:
        held.raise_token(50)
        assert held.token == get_placement(placement.tenant_id).lease_token == 50
        held.raise_token(7)
        assert held.token == 50
        held.renew()
    with lease(placement.tenant_id, "again") as held:
        assert held.token == 51
