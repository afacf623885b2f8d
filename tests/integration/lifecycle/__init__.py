"""The rest of a tenant's life: deleted, restored, purged, renamed, made by the list."""
