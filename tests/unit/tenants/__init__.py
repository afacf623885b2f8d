"""Tenants' pure parts: hosts, slugs, states, the directory."""
