"""From the scope to an address: databases, queues, keys, salts, log fields."""
