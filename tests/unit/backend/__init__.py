"""The backend's parts that need no server."""
