"""What a file is, by its content: the kinds that are taken, told apart without trusting its name.

Whatever is text is called text, also HTML and SVG: a browser is never told that it could run it.
"""

import unicodedata
import zipfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, TYPE_CHECKING, Any, Final

from django.core.files.uploadedfile import UploadedFile
from PIL import Image, UnidentifiedImageError

if TYPE_CHECKING:
    Upload = UploadedFile[Any]
else:  # generic in the stubs only
    Upload = UploadedFile

LONGEST_NAME: Final = 150
# Of pictures that are looked at: a few kilobytes can claim to be gigapixels.
MOST_PIXELS: Final = 64_000_000
_FIRST: Final = 1024
_WEBP_HEAD: Final = 30
_PIECE: Final = 2**20


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of file.

    Attributes:
        suffixes: how its name may end; another ending gets the first of them added.
        is_picture: a browser may show it in a page.
    """

    content_type: str
    suffixes: tuple[str, ...]
    is_picture: bool = False


PICTURES: Final = {
    "PNG": Kind("image/png", (".png",), is_picture=True),
    "JPEG": Kind("image/jpeg", (".jpg", ".jpeg"), is_picture=True),
    "GIF": Kind("image/gif", (".gif",), is_picture=True),
    "WEBP": Kind("image/webp", (".webp",), is_picture=True),
}
PDF: Final = Kind("application/pdf", (".pdf",))
TEXT: Final = Kind("text/plain", (".txt", ".csv", ".log", ".md", ".json"))
ZIP: Final = Kind(
    "application/zip",
    (".zip", ".docx", ".xlsx", ".pptx", ".odt", ".ods", ".odp"),
)

# What no text holds but for a line, a tab, a page and a colour of a terminal.
_CONTROLS: Final = bytes(set(range(32)) - set(b"\t\n\r\f\x1b"))
NO_PICTURE: Final = (
    UnidentifiedImageError,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
    OSError,
    SyntaxError,
    ValueError,
)


def kind_of(content: IO[bytes]) -> Kind | None:
    """What `content` is, or None for something that is not taken. It is at its start afterwards."""
    try:
        content.seek(0)
        first = content.read(_FIRST)
        if first.startswith(b"%PDF-"):
            return PDF
        if first.startswith(b"PK\x03\x04"):
            return ZIP if zipfile.is_zipfile(content) else None
        return _picture(content, first) or (TEXT if _is_text(content) else None)
    finally:
        content.seek(0)


def webp_size(first: bytes) -> tuple[int, int] | None:
    """Width and height that a WebP picture says it has, from its first 30 bytes; None: it is none.

    Source: RFC 9649, sections 2.5 to 2.7; RFC 6386, section 9.1.
    """
    if first[:4] != b"RIFF" or first[8:12] != b"WEBP" or len(first) < _WEBP_HEAD:
        return None
    match first[12:16]:
        case b"VP8X":
            return _number(first[24:27]) + 1, _number(first[27:30]) + 1
        case b"VP8L":
            bits = _number(first[21:25])
            return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
        case b"VP8 ":
            return _number(first[26:28]) & 0x3FFF, _number(first[28:30]) & 0x3FFF
    return None


def safe_name(name: str, kind: Kind) -> str:
    """`name` without folders and unseen signs, ending as its kind does, and not too long."""
    last = name.replace("\\", "/").rpartition("/")[2]
    seen = "".join(each for each in last if unicodedata.category(each)[0] != "C").strip(" .")
    path = PurePosixPath(seen or "file")
    suffix = path.suffix.lower()
    stem = path.stem
    if suffix not in kind.suffixes:
        # A name that lies keeps its lie in the middle, where it can be read and does nothing.
        stem, suffix = path.name, kind.suffixes[0]
    return stem[: LONGEST_NAME - len(suffix)] + suffix


def _picture(content: IO[bytes], first: bytes) -> Kind | None:
    # Before the library opens it: for this kind alone that is to reserve memory for all pixels.
    width, height = webp_size(first) or (0, 0)
    if width * height > MOST_PIXELS:
        return None
    content.seek(0)
    try:
        with Image.open(content, formats=tuple(PICTURES)) as image:
            width, height = image.size
            if width * height > MOST_PIXELS:
                return None
            kind = PICTURES[image.format or ""]
            image.verify()
    except NO_PICTURE:
        return None
    return kind


def _number(octets: bytes) -> int:
    return int.from_bytes(octets, "little")


def _is_text(content: IO[bytes]) -> bool:
    content.seek(0)
    while piece := content.read(_PIECE):
        if len(piece.translate(None, delete=_CONTROLS)) != len(piece):
            return False
    return True
