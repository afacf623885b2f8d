"""Atoll while very many tenants are made: neither rows nor a first admin."""

from tests.benchmarks.settings.atoll import *  # noqa: F403

TENANT_PROVISION_STEPS: list[str] = []
