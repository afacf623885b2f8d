"""The settings of web servers before a tenant that moves: as in tests, but they hear and pool."""

from tests.integration.tenants.gating.server_settings import *  # noqa: F403

ROOT_URLCONF = "tests.scenarios.moves.views"
