"""From a bare database to a shard: the list of steps, and the runner that takes them."""
