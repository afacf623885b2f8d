"""What a migration would do to a fleet in service, by its operations and by its SQL."""
