import io
import zipfile

import pytest
from PIL import Image

from workspace.content_types import LONGEST_NAME, PDF, PICTURES, TEXT, ZIP, kind_of, safe_name


def picture(kind):
    out = io.BytesIO()
    Image.new("RGB", (3, 2)).save(out, kind)
    return out.getvalue()


def archive():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("a.txt", "a")
    return out.getvalue()


def gigapixels():
    """A PNG of few bytes that says it is 60,000 by 60,000."""
    from struct import pack
    from zlib import crc32

    def chunk(name, content):
        return pack(">I", len(content)) + name + content + pack(">I", crc32(name + content))

    size = pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", size) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_known_whatever_it_is_called(name):
    assert kind_of(io.BytesIO(picture(name))) == PICTURES[name]


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"%PDF-1.7 ...", PDF),
        (archive(), ZIP),
        (b"just words\r\n", TEXT),
        ("Grüße".encode("cp1252"), TEXT),
        (b"<svg onload='alert(1)'/>", TEXT),
        (b"<!doctype html><script>alert(1)</script>", TEXT),
        (b"MZ\x90\x00\x03\x00", None),
        (b"\x7fELF\x02\x01\x01\x00", None),
        (b"PK\x03\x04 and no archive", None),
        (b"\x89PNG\r\n\x1a\n and no picture", None),
        (picture("PNG")[:40], None),
        (gigapixels(), None),
        (b"x" * 2_000_000 + b"\x00", None),
    ],
)
def test_content_decides_and_not_the_name(content, kind):
    file = io.BytesIO(content)
    assert kind_of(file) == kind
    assert file.tell() == 0


@pytest.mark.parametrize(
    ("given", "kind", "kept"),
    [
        ("photo.JPG", PICTURES["JPEG"], "photo.jpg"),
        ("photo.jpg", PICTURES["PNG"], "photo.jpg.png"),
        ("evil.svg", TEXT, "evil.svg.txt"),
        ("page.html", TEXT, "page.html.txt"),
        ("report.docx", ZIP, "report.docx"),
        ("../../etc/passwd", TEXT, "passwd.txt"),
        ("C:\\temp\\list.csv", TEXT, "list.csv"),
        ("a\r\nSet-Cookie: x.txt", TEXT, "aSet-Cookie: x.txt"),
        ("invoice\u202etxt.exe", TEXT, "invoicetxt.exe.txt"),
        ("..", TEXT, "file.txt"),
        (".htaccess", TEXT, "htaccess.txt"),
        ("", PDF, "file.pdf"),
    ],
)
def test_a_name_loses_its_tricks_and_ends_as_its_content_is(given, kind, kept):
    assert safe_name(given, kind) == kept


def test_a_long_name_is_cut_before_its_ending():
    kept = safe_name("x" * 500 + ".pdf", PDF)
    assert len(kept) == LONGEST_NAME
    assert kept.endswith("x.pdf")
