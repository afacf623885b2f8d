"""How much one request may upload; each form and service has its own, smaller limits."""

from typing import IO, Any, Final

from django.core.exceptions import RequestDataTooBig
from django.core.files.uploadhandler import FileUploadHandler

LARGEST_REQUEST: Final = 60 * 2**20
"""Bytes: five attachments of 10 MB, and room for what surrounds them."""


class BoundedUpload(FileUploadHandler):
    """Ends a request that uploads more than `LARGEST_REQUEST`; the page for it is 400.html.

    Django bounds what is not a file; files would be written to the disk however large they are.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._received = 0

    def handle_raw_input(
        self,
        input_data: IO[bytes],
        META: dict[str, str],  # noqa: N803 (Django's own name)
        content_length: int,
        boundary: str,
        encoding: str | None = None,
    ) -> None:
        """Refuse what says that it will be too much, before any of it is read."""
        self._refuse_above(content_length)

    def receive_data_chunk(self, raw_data: bytes, start: int) -> bytes:
        """Count, for those who do not say how much it will be, and leave it to the next handler."""
        self._received += len(raw_data)
        self._refuse_above(self._received)
        return raw_data

    def file_complete(self, file_size: int) -> None:
        """Nothing was kept here."""
        return

    def _refuse_above(self, size: int) -> None:
        if size > LARGEST_REQUEST:
            raise RequestDataTooBig(f"An upload of {size} bytes or more; taken: {LARGEST_REQUEST}.")
