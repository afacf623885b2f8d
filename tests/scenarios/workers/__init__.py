"""Celery workers as they run in production, while servers are away."""
