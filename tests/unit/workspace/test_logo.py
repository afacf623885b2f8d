"""A logo is made anew within bounds of memory. Pillow's is seen from outside: by the process."""

import io

import pytest
from PIL import Image

from tests.unit.workspace.memory import taken
from workspace.errors import LogoRefused
from workspace.logo import LOGO_BOX, MOST_PIXELS_OF_A_LOGO, logo_made_anew

MAKE = """
from workspace.errors import LogoRefused
from workspace.logo import logo_made_anew

def do(content):
    try:
        logo_made_anew(content)
    except LogoRefused:
        return "refused"
    return "made"
"""


def picture(size, kind="PNG", mode="RGB", **options):
    out = io.BytesIO()
    Image.new(mode, size).save(out, kind, **options)
    return out.getvalue()


@pytest.mark.parametrize(
    ("size", "said", "megabytes"), [((8000, 8000), "refused", 8), ((2000, 2000), "made", 64)]
)
def test_a_logo_takes_little_memory_however_large_it_says_it_is(size, said, megabytes):
    answer, grown = taken(MAKE, picture(size), warm=picture((3, 2)))
    assert answer == said
    assert grown <= megabytes


def test_a_picture_of_one_pixel_too_many_is_refused():
    assert logo_made_anew(io.BytesIO(picture((MOST_PIXELS_OF_A_LOGO // 100, 100))))
    with pytest.raises(LogoRefused, match="4 million pixels"):
        logo_made_anew(io.BytesIO(picture((MOST_PIXELS_OF_A_LOGO + 1, 1), mode="L")))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_a_picture_that_lies_on_its_side_is_put_upright_and_fills_the_box(kind):
    exif = Image.Exif()
    exif[0x0112] = 6
    made = logo_made_anew(io.BytesIO(picture((300, 900), kind, exif=exif)))
    with Image.open(io.BytesIO(made)) as image:
        assert image.size == LOGO_BOX
        assert not image.getexif()
