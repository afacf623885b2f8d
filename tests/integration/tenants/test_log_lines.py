"""Log lines say whose they are: as the product's own LOGGING writes them, to the real stderr."""

import logging
from copy import deepcopy
from logging.config import dictConfig

import pytest
from django.conf import settings

LOGGERS = ("", "django", "tests.log_lines")


@pytest.fixture
def lines(capsys):
    """A function that sets logging up by a dictionary, logs in turn, and gives what was written."""
    known = [logging.getLogger(name) for name in LOGGERS]
    before = [(each, each.level, each.handlers[:], each.propagate) for each in known]

    def log(tenants, config, logger="tests.log_lines"):
        dictConfig(config)
        for tenant in tenants:
            with tenant.scope():
                logging.getLogger(logger).warning("from %s", tenant.slug)
        logging.getLogger(logger).warning("from nobody")
        return capsys.readouterr().err.splitlines()

    yield log
    for each, level, handlers, propagate in before:
        each.setLevel(level)
        each.handlers[:] = handlers
        each.propagate = propagate


def configured():
    """settings.LOGGING, as Django hands it to dictConfig when it starts."""
    assert settings.LOGGING_CONFIG == "logging.config.dictConfig"
    return deepcopy(settings.LOGGING)


@pytest.mark.parametrize("logger", ["tests.log_lines", "django.request", "root"])
def test_a_line_bears_the_tenant_and_the_shard_that_were_in_scope(tenants, lines, logger):
    *written, last = lines(tenants, configured(), logger)

    assert len(written) == len(tenants), "each line is written once"
    for tenant, line in zip(tenants, written, strict=True):
        assert f" tenant={tenant.id} shard={tenant.place.shard} from {tenant.slug}" in line
        others = {other.id for other in tenants} - {tenant.id}
        assert not [other for other in others if other in line]
    assert last.endswith(" tenant=- shard=- from nobody")


def test_negative_control_without_the_filter_no_line_says_it(tenants, lines):
    config = configured()
    for handler in config["handlers"].values():
        handler["filters"] = []

    written = lines(tenants, config)

    # The formatter asks for fields that no record has; logging says so instead of the line.
    assert not [line for line in written if " tenant=" in line and " shard=" in line]
    assert [line for line in written if "'tenant'" in line]
