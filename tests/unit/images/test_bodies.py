"""A script comes out of control as it went in, piece by piece."""

from types import SimpleNamespace

import pytest

from migrations_tools.images.services.find_image import body_of, packed
from sharding.schemas.services.image_replay import ImageBody

TABLE, OTHER = "CREATE TABLE \x00.a ()", "CREATE TABLE \x00.b (\n    x integer\n)"
ROW, KEY = "INSERT INTO \x00.b (x) VALUES\n\t(1)", "CREATE INDEX i ON \x00.b USING btree (x)"


def image(body, number):
    built_at = SimpleNamespace(isoformat=lambda: f"moment {number}")
    return SimpleNamespace(
        pk=-number, built_at=built_at, body=body, locks=1, digest="d", fingerprint="f", major=18
    )


@pytest.mark.parametrize(
    ("number", "pieces"),
    [
        (1, ((TABLE, OTHER), (ROW,), (KEY,))),
        (2, ((TABLE,), (), ())),
        (3, ((), (), ())),
        (4, ((TABLE,), (), (KEY, KEY))),
    ],
)
def test_what_is_packed_comes_out_again(number, pieces):
    body = ImageBody(pieces, 1, "d", "f", 18)
    assert body_of(image(packed(body), number)) == body


def test_a_body_of_before_there_were_pieces_is_replayed_in_three():
    stored = b"\x00\x00".join(part.encode() for part in (f"{TABLE};\n{OTHER}", "", KEY))
    body = body_of(image(stored, 5))
    assert body.scripts("t1") == (
        ("CREATE TABLE t1.a ();\nCREATE TABLE t1.b (\n    x integer\n)",),
        (),
        ("CREATE INDEX i ON t1.b USING btree (x)",),
    )
    assert body.script("t1") == ";\n".join(sum(body.scripts("t1"), ()))


def test_a_body_is_replayed_in_three_and_rows_may_stay_away():
    body = ImageBody(((TABLE,), (ROW,), (KEY,)), 1, "d", "f", 18)
    tables, rows, others = body.scripts("t1")
    assert (len(tables), len(rows), len(others)) == (1, 1, 1)
    assert body.scripts("t1", rows=False) == (tables, (), others)
