"""What a load generator's requests say."""
