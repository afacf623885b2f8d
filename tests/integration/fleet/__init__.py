"""Fleet migrations on real shards."""
