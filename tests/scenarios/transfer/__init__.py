"""Imports whose workers are killed."""
