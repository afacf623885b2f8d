"""Pure parts of sharding.schemas."""
