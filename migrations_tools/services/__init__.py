"""Build a schema, migrate control, migrate all schemas in turn."""
