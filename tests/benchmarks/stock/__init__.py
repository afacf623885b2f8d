"""Plain Django over two shards, as a team writes it first: host → shard in a table, a router."""
