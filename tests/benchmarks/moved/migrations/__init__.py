"""The tables of the application of `make bench-move`."""
