"""The demo: programs that start, speak and stop together."""
