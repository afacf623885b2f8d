"""The comparison of directory and shards, without either."""
