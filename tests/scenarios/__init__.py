"""Tests of whole processes: kills, cut networks, stopped servers."""
