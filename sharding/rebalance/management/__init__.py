"""Commands about rebalancing."""
