"""Unmodified third-party apps as tenant apps, in a Django of their own (settings.py here)."""
