"""The file of a row that was deleted is deleted too, also when the row went with its ticket.

Django deletes by cascade without calling a model's `delete`; its signal is the one place that sees
every row. Only once the deletion is committed: before, it could still be undone.
"""

from functools import partial
from typing import Any

from django.db import transaction
from django.db.models.fields.files import FieldFile
from django.db.models.signals import post_delete

from workspace.models import Attachment


def watch_rows() -> None:
    """Begin; to be called once, when Django starts."""
    post_delete.connect(_forget_file, sender=Attachment, dispatch_uid="workspace.files_of_rows")


def _forget_file(instance: Attachment, **signal: Any) -> None:
    file: FieldFile = instance.file
    if file.name:
        # What is left behind by a failure here is swept up later: nobody's request fails for it.
        transaction.on_commit(partial(file.storage.delete, file.name), robust=True)
