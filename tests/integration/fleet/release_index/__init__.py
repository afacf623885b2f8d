"""A release of the outbox with an index that is built while tenants write."""
