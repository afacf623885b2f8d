"""Files with passwords in them: written in one step, for their owner's eyes only."""

import os
import tempfile
from pathlib import Path


def write_private(path: Path, text: str, *, owner_of_folder: bool = False) -> None:
    """Put `text` at `path` in one step, readable by its owner only.

    `owner_of_folder`: root gives it to whoever the folder belongs to.
    """
    # mkstemp makes it 0600, so no moment is there in which others could read it.
    handle, temporary = tempfile.mkstemp(prefix=f"{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        if owner_of_folder and os.geteuid() == 0:
            owner = path.parent.stat()
            os.chown(temporary, owner.st_uid, owner.st_gid)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def read_if_there(path: Path) -> str | None:
    """What `path` says; None when it is not there."""
    try:
        return path.read_text("utf-8")
    except FileNotFoundError:
        return None
