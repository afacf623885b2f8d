"""What of the development servers can be told without any."""
