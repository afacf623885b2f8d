"""System checks about shards."""
