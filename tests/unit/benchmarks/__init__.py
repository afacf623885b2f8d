"""Figures and plans of benchmarks."""
