"""What control knows of content types and permissions: their ids by names.

Rows are added and never taken away: neither a name nor an id is used for something else later.
Triggers on every shard read them (sharding/schemas/preparation/content_type_id.sql).
"""

from typing import Final

from django.db import models

CONTROL: Final = "control"


class ContentTypeName(models.Model):
    """A name of a content type. A model that was renamed has several, all of one id."""

    content_type_id = models.IntegerField(db_index=True)
    app_label = models.CharField(max_length=100)
    model = models.CharField(max_length=100)

    class Meta:
        db_table = "ref_content_type_name"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(fields=["app_label", "model"], name="one_id_per_content_type")
        ]

    def __str__(self) -> str:
        return f"{self.app_label}.{self.model}"


class PermissionName(models.Model):
    """A codename of a permission of one content type."""

    permission_id = models.IntegerField(db_index=True)
    content_type_id = models.IntegerField()
    codename = models.CharField(max_length=100)

    class Meta:
        db_table = "ref_permission_name"
        default_permissions = ()
        constraints = [
            models.UniqueConstraint(
                fields=["content_type_id", "codename"], name="one_id_per_permission"
            )
        ]

    def __str__(self) -> str:
        return f"{self.codename} of {self.content_type_id}"
