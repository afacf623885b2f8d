"""What is deployed, as far as it needs no server."""
