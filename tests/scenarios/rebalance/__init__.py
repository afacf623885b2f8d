"""Rebalances whose workers are killed, in processes of their own."""
