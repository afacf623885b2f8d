"""Unit tests of the comparison behind `make test-django`."""
