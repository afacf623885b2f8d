"""What control knows of content types and permissions: their ids by names.

Rows are added and never taken away: neither a name nor an id is used for something else later.
Triggers on every shard read them (sharding/schemas/preparation/content_type_id.sql).
"""

from typing import Final

from django.db import models

CONTROL: Final = "control"


class ContentTypeName(models.Model):
    """A name of a content type. A model that was renamed has several, all of one id."""

    name = models.CharField(max_length=201, primary_key=True)
    """`app_label.model`: the key itself, so that control and shards agree on what a row is."""
    content_type_id = models.IntegerField()

    class Meta:
        db_table = "ref_content_type_name"
        default_permissions = ()

    def __str__(self) -> str:
        return self.name


class PermissionName(models.Model):
    """A codename of a permission of one content type."""

    name = models.CharField(max_length=120, primary_key=True)
    """The content type's id, a dot, the codename."""
    permission_id = models.IntegerField()

    class Meta:
        db_table = "ref_permission_name"
        default_permissions = ()

    def __str__(self) -> str:
        return self.name
