"""Global ids in real schemas, and schemas that are older than these."""
