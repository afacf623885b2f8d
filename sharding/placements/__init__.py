"""Which tenant is on which shard, who may change that, and what was done."""
