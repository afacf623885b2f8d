import pytest

from workspace.search import MOST_WORDS, ticket_number, to_tsquery


@pytest.mark.parametrize(
    ("typed", "query"),
    [
        ("print", "'print':*"),
        ("  printer   smoke ", "'printer':* & 'smoke':*"),
        ('"paper jam" tray', "'paper jam' & 'tray':*"),
        ("printer -fax", "'printer':* & !'fax'"),
        ("bo@acme.example", "'bo@acme.example':*"),
        ("a", "'a'"),
        ("", ""),
        (" & | ! :* ( ) <-> ", ""),
        ("it's", "'it''s':*"),
        ("back\\slash", "'back\\\\slash':*"),
        ("nul\x00byte", "'nul':* & 'byte':*"),
        ('"open quote', "'\"open':* & 'quote':*"),
    ],
)
def test_what_is_typed_becomes_a_query(typed, query):
    assert to_tsquery(typed) == query


def test_a_flood_of_words_is_cut():
    assert to_tsquery("word " * 1000).count("word") == MOST_WORDS


@pytest.mark.parametrize(
    ("typed", "number"),
    [("#12", 12), (" #7 ", 7), ("12", None), ("#x", None), ("#" + "9" * 30, None)],
)
def test_a_number_with_its_sign_asks_for_one_ticket(typed, number):
    assert ticket_number(typed) == number
