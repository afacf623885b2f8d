"""How the backend binds, routes and refuses, on real shards."""
