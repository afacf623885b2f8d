"""Puts the backend in place. Called once, in the settings module."""

from django.db import connections

from sharding.backend import forks
from sharding.backend.handler import ScopeHandler
from sharding.backend.probe import HandlerProbe
from sharding.scope import register_connections_probe


def install() -> None:
    """Make `django.db.connections` follow the scope.

    By assigning its class: whoever has imported `connections` already holds the same object.
    Idempotent. What needs models (guards, caches, checks) follows in `SharedBackendConfig.ready`.
    """
    if connections.__class__ is ScopeHandler:
        return
    connections.__class__ = ScopeHandler
    register_connections_probe(HandlerProbe())
    forks.install()
