"""Which spares the code would take."""

from migrations_tools.images.services.find_image import body_of, find_wanted_image
from sharding.placements.models import CONTROL, Shard
from sharding.schemas.services.image_replay import ImageBody
from sharding.schemas.services.spares import spare_key


def spare_wanted(shard: str) -> str:
    """The key of the spares that a new tenant of `shard` may take; empty where there is no image.

    By what control knows: the shard is not asked.
    """
    version = Shard.objects.using(CONTROL).values_list("version", flat=True).get(name=shard)
    body = body_wanted(version // 10000)
    return "" if body is None else spare_key(body)


def body_wanted(major: int) -> ImageBody | None:
    """The image that a new tenant's schema is made of on this PostgreSQL major, if there is one."""
    image = find_wanted_image(major)
    return None if image is None else body_of(image)
