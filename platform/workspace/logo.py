"""A workspace's logo, made anew from the picture that was sent."""

from io import BytesIO
from typing import IO, Final

from PIL import Image, ImageOps

from workspace.content_types import NO_PICTURE, PICTURES
from workspace.errors import LogoRefused

LARGEST_LOGO: Final = 2 * 2**20
"""Bytes of the file that is sent. What is kept is a picture made anew from it."""
MOST_PIXELS_OF_A_LOGO: Final = 4_000_000
"""Decoding takes four bytes for each, several times over, however few bytes the file has."""
LOGO_BOX: Final = (480, 160)
# It may lie on its side: which edge is the long one is known after it was put upright.
_SQUARE: Final = (max(LOGO_BOX), max(LOGO_BOX))


def logo_made_anew(sent: IO[bytes]) -> bytes:
    """The picture `sent` as a PNG that fits `LOGO_BOX` and holds nothing but pixels.

    Raises:
        LogoRefused: no picture, or one of too many pixels, which is not decoded then.
    """
    out = BytesIO()
    try:
        with Image.open(sent, formats=tuple(PICTURES)) as image:
            width, height = image.size
            if width * height > MOST_PIXELS_OF_A_LOGO:
                raise LogoRefused(
                    f"it has more than {MOST_PIXELS_OF_A_LOGO // 1_000_000} million pixels"
                )
            image.draft("RGB", _SQUARE)
            small = image.convert("RGBA")
        small.thumbnail(_SQUARE)
        upright = ImageOps.exif_transpose(small)
        upright.thumbnail(LOGO_BOX)
        # A picture of its own, so that nothing but pixels is written.
        clean = Image.frombytes("RGBA", upright.size, upright.tobytes())
        clean.save(out, "PNG", optimize=True)
    except NO_PICTURE as error:
        raise LogoRefused("only PNG, JPEG, GIF and WebP pictures are taken") from error
    return out.getvalue()
