"""Which name gets which id."""
