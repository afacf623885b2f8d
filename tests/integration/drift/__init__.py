"""Drift planted into real servers, and shards that come back from a backup."""
