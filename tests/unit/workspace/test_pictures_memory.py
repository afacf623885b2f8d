"""Looking at an attachment takes little memory, whatever it says it is and however it is packed."""

import io
import zlib
from struct import pack

import pytest
from PIL import Image

from tests.unit.workspace.memory import taken
from workspace.content_types import MOST_PIXELS, PICTURES, kind_of, webp_size

LOOK = """
from workspace.content_types import kind_of

def do(content):
    kind = kind_of(content)
    return kind.content_type if kind else "refused"
"""
DECODE = """
from PIL import Image

def do(content):
    with Image.open(content) as image:
        image.load()
    return "decoded"
"""
LITTLE_MB = 40
"""A picture's file has 10 MB at most; one library reads all of it, and copies it once."""


def picture(kind, size=(3, 2), mode="RGB", **options):
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **options)
    return out.getvalue()


def canvas(width, height):
    """A moving WebP picture of two small frames that says how large its canvas is."""
    out = io.BytesIO()
    frames = [Image.new("RGB", (3, 2), colour) for colour in ("red", "blue")]
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:])
    made = out.getvalue()
    at = made.index(b"VP8X") + 12
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return made[:at] + sides + made[at + 6 :]


def noted(texts):
    """A small PNG with notes that are a thousand times as long when they are unpacked."""

    def chunk(name, content):
        return pack(">I", len(content)) + name + content + pack(">I", zlib.crc32(name + content))

    note = chunk(b"zTXt", b"note\0\0" + zlib.compress(b" " * 1_000_000, 9))
    made = picture("PNG")
    at = made.index(b"IDAT") - 4
    return made[:at] + note * texts + made[at:]


SIDE = 8000
SENT = {
    # Without colours, which takes a third of the time to pack: decoded, 64 MB.
    "PNG": (lambda: picture("PNG", (SIDE, SIDE), "L"), "image/png"),
    "JPEG": (lambda: picture("JPEG", (SIDE, SIDE), "L"), "image/jpeg"),
    "GIF": (lambda: picture("GIF", (SIDE, SIDE), "L"), "image/gif"),
    "WEBP": (lambda: picture("WEBP", (SIDE, SIDE), method=0), "image/webp"),
    "WEBP without loss": (
        lambda: picture("WEBP", (SIDE, SIDE), lossless=True, method=0),
        "image/webp",
    ),
    "a large canvas": (lambda: canvas(SIDE, SIDE), "image/webp"),
    "too large a canvas": (lambda: canvas(16_383, 16_383), "refused"),
    "an impossible canvas": (lambda: canvas(2**24, 2**24), "refused"),
    "notes": (lambda: noted(60), "image/png"),
    "too many notes": (lambda: noted(5_000), "refused"),
}


@pytest.mark.parametrize("what", SENT)
def test_a_picture_is_looked_at_in_little_memory(what):
    make, wanted = SENT[what]
    said, megabytes = taken(LOOK, make(), warm=canvas(3, 2))
    assert said == wanted
    assert megabytes <= LITTLE_MB


def test_what_is_measured_would_show_a_picture_that_is_decoded():
    """The negative control."""
    said, megabytes = taken(DECODE, SENT["WEBP"][0](), warm=canvas(3, 2))
    assert said == "decoded"
    assert megabytes > 150


@pytest.mark.parametrize(
    "content",
    [
        picture("WEBP", (301, 7)),
        picture("WEBP", (301, 7), lossless=True),
        canvas(301, 7),
    ],
    ids=["VP8", "VP8L", "VP8X"],
)
def test_the_size_of_each_kind_of_webp_is_read(content):
    assert webp_size(content[:1024]) == (301, 7)


@pytest.mark.parametrize(
    "content", [b"", picture("PNG"), picture("WEBP")[:29], b"RIFF....WEBPxxxx" + b"x" * 30]
)
def test_what_is_no_webp_has_no_such_size(content):
    assert webp_size(content[:1024]) is None


def test_the_bound_is_where_it_says():
    most = canvas(MOST_PIXELS // 4000, 4000)
    assert kind_of(io.BytesIO(most)) == PICTURES["WEBP"]
    assert kind_of(io.BytesIO(canvas(MOST_PIXELS // 4000 + 1, 4000))) is None
