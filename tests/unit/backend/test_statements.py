"""Which texts hold one statement, and which would change the session."""

import pytest

from sharding.backend.errors import SessionStateRefused
from sharding.backend.statements import holds_several, is_trusted, refuse_session_state, trusted


@pytest.mark.parametrize(
    "text", ["SELECT 1", "SELECT 1;", " SELECT 1 ; ; \n", "", ";", "SELECT ':' -- nothing"]
)
def test_one_statement(text):
    assert not holds_several(text)


@pytest.mark.parametrize(
    "text",
    ["SELECT 1; SELECT 2", "SELECT ';'", "SELECT 1; -- a comment", "; SELECT 1", "SELECT 1;\x0b2"],
)
def test_what_could_be_several_counts_as_several(text):
    assert holds_several(text)


@pytest.mark.parametrize(
    "text",
    [
        "SELECT 1",
        "SET LOCAL statement_timeout = 1",
        "set  local role x",
        "SET TRANSACTION ISOLATION LEVEL SERIALIZABLE",
        "SET CONSTRAINTS ALL IMMEDIATE",
        "SETTLE",
        "RESETTLE",
        "/* SET role x */ SELECT 1",
        "-- SET role x\nSELECT 1",
        "DECLARE c CURSOR FOR SELECT 1",
        "(SELECT 1)",
        "SELECT set_config('a.b', '1', true)",
        "UPDATE x SET y = 1",
        "/* never closed",
        "",
    ],
)
def test_let_through(text):
    refuse_session_state(text)


@pytest.mark.parametrize(
    "text",
    [
        "SET x = 1",
        "\n\t set\nx = 1",
        "SET SESSION x = 1",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "/**/SET x = 1",
        "/* a /* b */ c */SET x = 1",
        "-- a\n-- b\nSET x = 1",
        "-- a\n/* b */ -- c\n RESET ALL",
        "reset role",
        "DISCARD TEMP",
        "PREPARE TRANSACTION 'x'",
        "listen x",
        "LOAD 'x'",
        "DECLARE c CURSOR WITH HOLD FOR SELECT 1",
        "declare c no scroll cursor\nwith  hold for select 1",
    ],
)
def test_refused(text):
    with pytest.raises(SessionStateRefused, match="SET LOCAL"):
        refuse_session_state(text)


def test_a_trusted_block_lets_all_through_and_ends():
    with trusted():
        assert is_trusted()
        refuse_session_state("SET x = 1")
    assert not is_trusted()
    with pytest.raises(SessionStateRefused):
        refuse_session_state("SET x = 1")


def test_it_costs_next_to_nothing_for_a_long_statement():
    from time import perf_counter

    text = "SELECT " + "1, " * 200_000 + "1"
    began = perf_counter()
    for _ in range(100):
        refuse_session_state(text)
    assert perf_counter() - began < 0.1
