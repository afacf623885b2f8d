"""Making, suspending, resuming tenants; their domains. One verb per module."""
