"""The outbox with a column and an index that the first release does not have."""
