"""Atoll while its tenants are made: rows of the benchmark instead of a first admin.

Hashing 500 passwords would take longer than the measurement. Nothing is served with this module.
"""

from tests.benchmarks.settings.atoll import *  # noqa: F403

TENANT_PROVISION_STEPS = ["tests.benchmarks.app.provision.seed_tenant"]
