"""Migrations recorded and replayed, with apps that the product does not have."""
