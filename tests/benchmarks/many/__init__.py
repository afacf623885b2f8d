"""Tables upon tables, for `make bench-move --part tables`: as many as the environment says."""
