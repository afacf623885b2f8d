"""Migrations as release 1 of the application has them."""
