"""Taking one live tenant to another shard: journaled, recoverable, with one point of no return."""
