"""Servers that are down, in all four ways: refused, sigstop, blackhole, slow."""
