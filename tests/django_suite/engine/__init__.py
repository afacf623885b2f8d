"""Our shard engine as Django's suite can use it: plain settings, two aliases, one tenant."""
