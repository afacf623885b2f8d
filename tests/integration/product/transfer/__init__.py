"""Exports and imports through pages, services and tasks."""
