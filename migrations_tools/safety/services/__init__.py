"""Check the migrations that were not released yet."""
