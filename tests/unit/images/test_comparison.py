"""Two builds agree, or they do not and it is said where."""

import pytest

from migrations_tools.images.comparison import agreed, in_pieces, in_three, parse_insert
from migrations_tools.images.errors import BuildsDiffer

TABLE = "CREATE TABLE \x00.page (id int, key uuid, title text)"
INDEX = "CREATE INDEX page_title ON \x00.page USING btree (title)"
EXPRESSIONS = {"page.key": "gen_random_uuid()"}


def insert(*rows: str) -> str:
    return "INSERT INTO \x00.page (id, key, title) VALUES\n\t" + ",\n\t".join(rows)


def test_cells_are_read_whatever_they_hold():
    found = parse_insert(insert("(1, 'a', 'x, (y)')", "(2, NULL, 'it''s; VALUES (3)')"))
    assert found.table == "page"
    assert found.columns == ("id", "key", "title")
    assert found.rows == (("1", "'a'", "'x, (y)'"), ("2", "NULL", "'it''s; VALUES (3)'"))


def test_an_always_generated_identity_is_an_insert_as_well():
    found = parse_insert('INSERT INTO \x00."Odd" (id) OVERRIDING SYSTEM VALUE VALUES (1)')
    assert (found.table, found.columns, found.rows) == ("Odd", ("id",), (("1",),))
    assert parse_insert("INSERT INTO \x00.empty DEFAULT VALUES") is None
    assert parse_insert(TABLE) is None


def test_equal_builds_are_the_script():
    script = (TABLE, insert("(1, 'a', 't')"), INDEX)
    assert agreed(script, script, {}) == script


def test_a_cell_that_differs_is_refused_by_its_name():
    with pytest.raises(BuildsDiffer, match=r"page\.key is 'a' and 'b'") as caught:
        agreed((insert("(1, 'a', 't')"),), (insert("(1, 'b', 't')"),), {})
    assert len(caught.value.differences) == 1


def test_an_expression_takes_the_place_of_what_differs_but_not_of_null():
    one = insert("(1, 'a', 't')", "(2, NULL, 't')")
    other = insert("(1, 'b', 't')", "(2, NULL, 't')")
    (made,) = agreed((one,), (other,), EXPRESSIONS)
    assert parse_insert(made).rows == (
        ("1", "gen_random_uuid()", "'t'"),
        ("2", "NULL", "'t'"),
    )


def test_an_expression_excuses_its_own_column_only():
    with pytest.raises(BuildsDiffer, match=r"page\.title"):
        agreed((insert("(1, 'a', 't')"),), (insert("(1, 'b', 'u')"),), EXPRESSIONS)


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ((TABLE,), (TABLE, INDEX), "one has 1 statements and the other 2"),
        ((TABLE, INDEX), (TABLE, INDEX.replace("title)", "id)")), "CREATE INDEX"),
        ((insert("(1, 'a', 't')"),), (insert("(1, 'a', 't')", "(2, 'b', 't')"),), "1 rows and 2"),
        (
            ("SELECT pg_catalog.setval('\x00.s', 1, true)",),
            ("SELECT pg_catalog.setval('\x00.s', 2, true)",),
            "setval",
        ),
    ],
)
def test_anything_else_that_differs_is_refused(one, other, said):
    with pytest.raises(BuildsDiffer, match=said):
        agreed(one, other, EXPRESSIONS)


def test_a_script_falls_into_what_is_before_rows_rows_and_what_is_after():
    row, counter = insert("(1, 'a', 't')"), "SELECT pg_catalog.setval('\x00.s', 1, true)"
    assert in_three((TABLE, row, counter, INDEX)) == ((TABLE,), (row, counter), (INDEX,))
    assert in_three((TABLE, INDEX)) == ((TABLE, INDEX), (), ())


def test_a_script_is_cut_into_pieces_without_losing_a_statement():
    script = tuple(f"CREATE TABLE \x00.t{number} ()" for number in range(5))
    pieces = in_pieces(script, 2)
    assert [piece.count("CREATE") for piece in pieces] == [2, 2, 1]
    assert ";\n".join(pieces) == ";\n".join(script)
    assert in_pieces((), 2) == ()
