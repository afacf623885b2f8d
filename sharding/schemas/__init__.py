"""What every tenant schema carries whatever its tables are, and what a database needs for it."""
