"""A release of the outbox that the one before it cannot write to."""
