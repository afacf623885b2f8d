"""Migrations of the catalogue, in control; shards get its tables by publishing."""
