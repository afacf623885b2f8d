"""The words before a statement."""

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


def test_it_is_built_once_per_role_and_schema():
    other = Placement("tabcdef1", "beta", "tabcdef2", 9, "h")
    assert prefix_for(PLACE) is prefix_for(other)
    assert prefix_for(Placement("tabcdef3", "alpha", "tabcdef2", 1, "g")) is not prefix_for(PLACE)
