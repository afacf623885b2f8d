"""A small archive that is as it should be, and a way to change its members."""

import gzip
import hashlib
import io
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest

from tenants.archives import layout
from tenants.archives.manifest import (
    Manifest,
    SequenceFacts,
    StructureFacts,
    TableFacts,
    TenantFacts,
)
from tenants.archives.writing import ArchiveWriter

STRUCTURE = b'[["table", "ticket", ""]]'


def write(file: Path, files: dict[str, bytes], tables: dict[str, bytes], folder: Path) -> Manifest:
    """Write an archive of these files and rows, whose tables have one column."""
    with ArchiveWriter(file) as writer:
        for name, data in files.items():
            path = folder / hashlib.sha256(name.encode()).hexdigest()
            path.write_bytes(data)
            with path.open("rb") as opened:
                assert writer.add_file(name, opened)
        facts = []
        for number, (name, data) in enumerate(tables.items(), start=1):
            with writer.rows(number) as rows:
                for start in range(0, len(data), 1000):
                    rows.write(data[start : start + 1000])
            facts.append(
                TableFacts(
                    name=name,
                    columns=("id",),
                    types=("bigint",),
                    rows=data.count(b"\n"),
                    content_hash="record:0:0",
                    chunks=rows.chunks,
                    bytes=rows.bytes,
                    sha256=rows.sha256,
                )
            )
        writer.add(layout.STRUCTURE_MEMBER, STRUCTURE)
        manifest = Manifest(
            made_at="2026-11-21T12:00:00+00:00",
            versions={"atoll": "0.1.0", "django": "5.2", "postgresql": "180004"},
            tenant=TenantFacts("t0abcdefgh", "acme", "Acme", ("acme.example",), "active"),
            structure=StructureFacts(
                ("workspace.0001_initial",), "d", "f", 18, hashlib.sha256(STRUCTURE).hexdigest()
            ),
            tables=tuple(facts),
            left_behind=(),
            sequences=(SequenceFacts("ticket_id_seq", 9, True),),
            files=writer.files(()),
        )
        writer.finish(manifest)
    return manifest


@pytest.fixture
def archive(tmp_path):
    """An archive of two files and two tables, one of them empty."""
    folder = tmp_path / "source"
    folder.mkdir()
    file = tmp_path / "acme.atoll"
    write(
        file,
        {"logos/1": b"a picture", "attachments/2": b""},
        {"comment": b"", "ticket": b"1\n2\n3\n"},
        folder,
    )
    return file


class Members:
    """The members of an archive, to be changed and written anew."""

    def __init__(self, file: Path) -> None:
        self.file = file
        with tarfile.open(file) as tar:
            self.found = [
                (member, opened.read())
                for member in tar
                if (opened := tar.extractfile(member)) is not None
            ]

    def __getitem__(self, name: str) -> bytes:
        return next(data for member, data in self.found if member.name == name)

    def put(self, name: str, data: bytes, *, before: str | None = None) -> None:
        """Put a member in the place of the one of this name, or before another one."""
        member = tarfile.TarInfo(name)
        if before is None:
            at = [each.name for each, _ in self.found].index(name)
            self.found[at] = (member, data)
        else:
            at = [each.name for each, _ in self.found].index(before)
            self.found.insert(at, (member, data))

    def put_odd(self, member: tarfile.TarInfo, *, before: str) -> None:
        """Put a member that is no file."""
        at = [each.name for each, _ in self.found].index(before)
        self.found.insert(at, (member, b""))

    def drop(self, name: str) -> None:
        self.found = [each for each in self.found if each[0].name != name]

    def change_manifest(self, **changes) -> None:
        manifest = Manifest.from_bytes(self[layout.MANIFEST_MEMBER])
        self.put(layout.MANIFEST_MEMBER, replace(manifest, **changes).to_bytes())

    def write(self) -> Path:
        with tarfile.open(self.file, "w", format=tarfile.PAX_FORMAT) as tar:
            for member, data in self.found:
                if member.isreg():
                    member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        return self.file


@pytest.fixture
def members(archive):
    return Members(archive)


def packed(data: bytes) -> bytes:
    return gzip.compress(data)
