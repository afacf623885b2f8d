"""Settings of Django's own suite: the stock backend, and ours."""
