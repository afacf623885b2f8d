"""Tenants on real servers: requests, tasks, life."""
