"""What can be done with spares."""
