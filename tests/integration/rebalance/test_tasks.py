"""Beat's tasks: every shard is looked at by a worker of its own queue."""

from config.schedule import BEAT_SCHEDULE
from sharding.placements.models import Shard
from tenants.rebalancing import tasks
from tenants.rebalancing.tasks import keep_use, sample, sample_shards


def test_each_shard_is_sampled_on_its_own_queue(monkeypatch):
    sent = {}
    monkeypatch.setattr(
        tasks.sample, "apply_async", lambda args, **options: sent.update({args[0]: options})
    )
    sample_shards()
    shards = Shard.objects.using("control").values_list("name", flat=True)
    assert set(sent) == set(shards)
    assert {sent[name]["queue"] for name in ("alpha", "beta")} == {"shard.alpha", "shard.beta"}
    assert all(options["expires"] for options in sent.values())


def test_the_tasks_do_their_work_and_beat_knows_them():
    sample("alpha")
    keep_use()
    told = {entry["task"] for entry in BEAT_SCHEDULE.values()}
    assert {sample_shards.name, keep_use.name} <= told
