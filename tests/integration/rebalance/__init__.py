"""What tenants cost, what operators want of their places, and rebalances, on real servers."""
