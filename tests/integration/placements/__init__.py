"""Control rows: placements, leases, roles made ahead, processes; add_shard, list_shards."""
