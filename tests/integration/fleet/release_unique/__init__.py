"""A release of the outbox with a constraint that rows may not fit."""
