"""Which server holds a tenant, and how a statement reaches it."""
