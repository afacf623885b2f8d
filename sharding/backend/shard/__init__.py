"""The engine of a shard: statements run as the tenant in scope."""
