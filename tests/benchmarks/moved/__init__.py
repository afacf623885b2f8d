"""The application of `make bench-move`: what clients write, so that an oracle can ask for it."""
