"""The tests: unit, integration, scenarios, the repository's own rules, benchmarks."""
