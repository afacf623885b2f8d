"""Which tenants to move, so that shards are even or empty: a plan, and its carrying out."""
