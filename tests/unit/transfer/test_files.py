import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from workspace.errors import ImportRefused
from workspace.services import imports_file
from workspace.services.csv_cells import FORMULA_SIGNS, arm, disarm
from workspace.services.imports_file import count_rows, read_rows


def rows(content):
    if isinstance(content, str):
        content = content.encode()
    return [(row.number, row.cells) for row in read_rows(io.BytesIO(content))]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_by_the_names_it_makes(delimiter):
    header = delimiter.join(["Status", " TITLE ", "opened-at"])
    (row,) = rows(f"{header}\nopen{delimiter}One{delimiter}2026-01-01\n")
    assert row == (2, {"status": "open", "title": "One", "opened_at": "2026-01-01"})


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_all_line_ends_will_do(line_end):
    assert rows(line_end.join(["title", "One", "Two"])) == [
        (2, {"title": "One"}),
        (3, {"title": "Two"}),
    ]


def test_a_mark_of_byte_order_is_no_part_of_the_first_name():
    assert rows(b"\xef\xbb\xbftitle,body\nOne,x\n") == [(2, {"title": "One", "body": "x"})]


def test_quoted_headers_and_cells_with_delimiters_and_lines_in_them():
    content = '"title";"body"\n"One; or two";"line\nline"\n'
    assert rows(content) == [(2, {"title": "One; or two", "body": "line\nline"})]


def test_empty_rows_are_passed_over_and_numbered_as_a_spreadsheet_does():
    assert rows("title,body\n\n,\nOne,\n") == [(4, {"title": "One", "body": ""})]


def test_short_rows_are_filled_up_and_long_ones_are_none():
    assert rows("title,body,status\nOne\nTwo,,,\nThree,,,surplus\n") == [
        (2, {"title": "One", "body": "", "status": ""}),
        (3, {"title": "Two", "body": "", "status": ""}),
        (4, None),
    ]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "is empty"),
        (b"  \n\n", "is empty"),
        (b"title,body\n", "has no rows"),
        (b"title,body\n,\n\n", "has no rows"),
        (b"name,text\nOne,x\n", "No column is called .title.*“name”, “text”"),
        (b"title,Title,body\na,b,c\n", "More than one column is called “title”"),
        ("title\nä\n".encode("latin-1"), "not in UTF-8"),
        ("title\nOne\n".encode("utf-16"), "UTF-16"),
        ("title\nOne\n".encode("utf-16-be"), "no text"),
        (b"PK\x03\x04 and so on", "a spreadsheet"),
        (b'title\n"never closed\nOne\nTwo\n', "Row 2 is no CSV"),
        (b'title\nOne\n"a"b\n', "Row 3 is no CSV"),
        (b"title\n" + b"x" * 200_000 + b"\n", "Row 2 is no CSV"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_the_reason(content, why):
    with pytest.raises(ImportRefused, match=why) as refusal:
        count_rows(io.BytesIO(content))
    assert str(refusal.value).endswith("Nothing was imported.")


def test_a_file_has_no_more_rows_than_allowed(monkeypatch):
    monkeypatch.setattr(imports_file, "MOST_ROWS", 3)
    assert count_rows(io.BytesIO(b"title\n" + b"One\n" * 3)) == 3
    with pytest.raises(ImportRefused, match="Row 5 is one too many"):
        count_rows(io.BytesIO(b"title\n" + b"One\n" * 4))


@given(st.text(alphabet=st.sampled_from("'=+-@\t\ra ")) | st.text())
def test_a_cell_comes_back_as_it_was_and_never_runs(text):
    assert arm(disarm(text)) == text
    assert not disarm(text).startswith(FORMULA_SIGNS)


@pytest.mark.parametrize("text", ["it's", "'quoted'", "", "'", "plain"])
def test_an_apostrophe_that_disarms_nothing_stays(text):
    assert disarm(text) == arm(text) == text
