"""Rebalancing as people and workers meet it: commands by slug, tasks, and how a tenant is moved."""
