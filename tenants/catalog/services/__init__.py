"""Retire, restore and remove reference rows."""
