"""The planner, on plain data."""
