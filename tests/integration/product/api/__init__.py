"""The JSON API through real addresses, and its document."""
