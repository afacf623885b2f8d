"""The lexer, against what is hard to read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrations_tools.images.lexer import Kind, Unreadable, meaning, statements, text_of, tokens

ATOMIC = "CREATE FUNCTION f() BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END"


def texts(script: str) -> list[str]:
    return [text_of(statement) for statement in statements(script)]


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ("SELECT 1; SELECT 2;", ["SELECT 1", "SELECT 2"]),
        (";;\n ; SELECT 1", ["SELECT 1"]),
        (
            "SELECT ';'; SELECT 'it''s; -- no comment'",
            ["SELECT ';'", "SELECT 'it''s; -- no comment'"],
        ),
        (r"SELECT E'a\'; b'; SELECT 2", [r"SELECT E'a\'; b'", "SELECT 2"]),
        (r"SELECT '\'; SELECT 2", [r"SELECT '\'", "SELECT 2"]),
        ("SELECT $$a; $x$ b$$; SELECT 2", ["SELECT $$a; $x$ b$$", "SELECT 2"]),
        ("SELECT $x$a; $$ $y$ b$x$; SELECT 2", ["SELECT $x$a; $$ $y$ b$x$", "SELECT 2"]),
        ('SELECT "a;""b"; SELECT 2', ['SELECT "a;""b"', "SELECT 2"]),
        ("SELECT 1 -- one; 'two\n; SELECT 2", ["SELECT 1", "SELECT 2"]),
        ("SELECT /* ; /* ' */ ; */ 1; SELECT 2", ["SELECT   1", "SELECT 2"]),
        ("SELECT a$b, c1; SELECT $1", ["SELECT a$b, c1", "SELECT $1"]),
        ("SELECT 'x'\n\\restrict foo\n;", ["SELECT 'x'\n\\restrict foo"]),
        (
            "\\restrict foo\nSELECT 1;\n\\unrestrict foo\n",
            [r"\restrict foo", "SELECT 1", r"\unrestrict foo"],
        ),
        (f"{ATOMIC}; SELECT 3", [ATOMIC, "SELECT 3"]),
        ("INSERT INTO t VALUES ('\n\\restrict x\nSET y = 1;\n-- z')", None),
    ],
)
def test_a_script_is_cut_where_its_statements_end(script, expected):
    assert texts(script) == (expected or [script])


@pytest.mark.parametrize(
    "script",
    [
        "SELECT 'a",
        'SELECT "a',
        "SELECT E'a\\'",
        "/* a /* b */",
        "CREATE FUNCTION f() BEGIN ATOMIC x;",
    ],
)
def test_a_script_that_was_cut_off_is_refused(script):
    with pytest.raises(Unreadable):
        texts(script)


def test_a_name_is_the_same_quoted_and_in_any_case():
    words = meaning(next(statements('SELECT Tmpl.a, "tmpl".b, "TMPL".c, \'tmpl\'')))
    assert [word.text for word in words if word.names("tmpl")] == ["Tmpl", '"tmpl"']


def test_values_are_what_stands_between_the_quotes():
    found = {
        word.kind: word.value for word in meaning(next(statements("SELECT E'a' \"b\" $x$c$x$")))
    }
    assert (found[Kind.STRING], found[Kind.QUOTED], found[Kind.DOLLAR]) == ("a", "b", "c")


@given(st.text(alphabet="ab'\"$;/*-\\ \nEe_1.", max_size=60))
def test_the_pieces_of_a_script_are_the_script(script):
    try:
        pieces = list(tokens(script))
    except Unreadable:
        return
    assert "".join(piece.text for piece in pieces) == script
    assert [piece.start for piece in pieces] == [
        sum(len(before.text) for before in pieces[:number]) for number in range(len(pieces))
    ]
