"""The step by which a new Atoll tenant gets the benchmark's rows."""

from tenants.directory.types import Entry
from tenants.services.types import ProvisionRequest
from tests.benchmarks.app.seed import seed


def seed_tenant(entry: Entry, request: ProvisionRequest) -> None:
    """Runs in the tenant's scope. Idempotent."""
    seed(entry.slug)
