"""Countries, currencies and plans: the same for every tenant, and readable on every shard."""
