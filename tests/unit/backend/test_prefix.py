"""The words before a statement."""

from dataclasses import replace

from sharding.backend.prefix import prefix_for
from sharding.scope import Placement

PLACE = Placement("tabcdef1", "alpha", "tabcdef2", 1, "g")


def test_it_is_one_line_with_two_results():
    prefix = prefix_for(PLACE)
    assert prefix.sql == (
        b'SET LOCAL ROLE "tabcdef1"; SET LOCAL search_path TO "tabcdef2", reference, extensions;\n'
    )
    assert prefix.results == 2
    assert prefix.sql.count(b"\n") == 1


def test_it_never_names_public():
    prefix = prefix_for(PLACE)
    assert b"public" not in prefix.sql + b"".join(prefix.commands + prefix.fresh_commands)


def test_a_time_limit_of_the_tenants_plan_rides_along_in_every_form():
    limited = replace(PLACE, statement_timeout_ms=1500)
    prefix = prefix_for(limited)
    assert prefix.sql == (
        b'SET LOCAL ROLE "tabcdef1"; SET LOCAL search_path TO "tabcdef2", reference, extensions; '
        b"SET LOCAL statement_timeout TO 1500;\n"
    )
    assert prefix.results == len(prefix.commands) == 3
    assert prefix.commands[-1] == b"SET LOCAL statement_timeout TO 1500"
    (config,) = prefix.fresh_commands
    assert config.endswith(b", pg_catalog.set_config('statement_timeout', '1500', true)")


def test_who_has_none_pays_nothing_for_it():
    prefix = prefix_for(PLACE)
    assert b"timeout" not in prefix.sql + b"".join(prefix.commands + prefix.fresh_commands)
    assert prefix_for(replace(PLACE, statement_timeout_ms=5)) is not prefix


def test_it_is_built_once_per_role_and_schema():
    other = Placement("tabcdef1", "beta", "tabcdef2", 9, "h")
    assert prefix_for(PLACE) is prefix_for(other)
    assert prefix_for(Placement("tabcdef3", "alpha", "tabcdef2", 1, "g")) is not prefix_for(PLACE)
