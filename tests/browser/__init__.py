"""A real Chromium against the running demo."""
