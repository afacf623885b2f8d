"""Unit tests of the backend: no sockets."""
