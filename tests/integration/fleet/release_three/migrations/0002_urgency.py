"""That of release two."""

from importlib import import_module

Migration = import_module("tests.integration.fleet.release_two.migrations.0002_urgency").Migration
