"""Pure parts of sharding.placements."""
