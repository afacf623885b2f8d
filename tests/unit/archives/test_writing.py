"""A file is there whole, or not at all, and nobody's file is written over."""

import io
import stat
import tarfile

import pytest

from tenants.archives import layout, reading
from tenants.archives.errors import ArchiveFileTaken
from tenants.archives.writing import ArchiveWriter
from tests.unit.archives.conftest import write


def test_a_file_that_is_there_is_not_written_over(tmp_path):
    file = tmp_path / "acme.atoll"
    file.write_text("precious")
    with pytest.raises(ArchiveFileTaken, match="there already"), ArchiveWriter(file):
        pass
    assert file.read_text() == "precious"
    assert list(tmp_path.iterdir()) == [file]


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with (
        pytest.raises(ArchiveFileTaken, match="No such file or directory"),
        ArchiveWriter(tmp_path / "none" / "acme.atoll"),
    ):
        pass


def test_an_error_leaves_nothing(tmp_path):
    with pytest.raises(ZeroDivisionError), ArchiveWriter(tmp_path / "acme.atoll") as writer:
        writer.add("a", b"x")
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_never_finishes_leaves_nothing(tmp_path):
    with ArchiveWriter(tmp_path / "acme.atoll"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_two_do_not_write_one_file(tmp_path):
    file = tmp_path / "acme.atoll"
    with (
        ArchiveWriter(file),
        pytest.raises(ArchiveFileTaken, match="somebody else"),
        ArchiveWriter(file),
    ):
        pass


def test_what_a_killed_process_left_is_written_over(tmp_path):
    (tmp_path / "source").mkdir()
    file = tmp_path / "acme.atoll"
    file.with_name("acme.atoll.part").write_bytes(b"half of it" * 10_000)
    write(file, {}, {"ticket": b"1\n"}, tmp_path / "source")
    assert reading.verify(file).manifest.total_rows == 1
    assert not file.with_name("acme.atoll.part").exists()


def test_it_is_for_its_owner_only(archive):
    assert stat.S_IMODE(archive.stat().st_mode) == 0o600


def test_rows_are_cut_into_members_of_a_few_megabytes(tmp_path):
    (tmp_path / "source").mkdir()
    rows = b"".join(b"%d\tsome text of a row\n" % number for number in range(400_000))
    file = tmp_path / "acme.atoll"
    write(file, {}, {"ticket": rows}, tmp_path / "source")
    with tarfile.open(file) as tar:
        chunks = [member.name for member in tar if layout.chunk_of(member.name)]
    assert chunks == ["rows/0001/000001.gz", "rows/0001/000002.gz", "rows/0001/000003.gz"]
    verified = reading.verify(file)
    with reading.rows_of(verified) as found:
        assert [(facts.name, b"".join(blocks) == rows) for facts, blocks in found] == [
            ("ticket", True)
        ]


def test_a_file_that_is_cut_short_meanwhile_is_told(tmp_path):
    class Shorter(io.BytesIO):
        """An opened file that ends before its size."""

        def __init__(self, opened):
            super().__init__(b"lon")
            self.opened = opened

        def fileno(self):
            return self.opened.fileno()

    path = tmp_path / "a"
    path.write_bytes(b"long enough")
    with ArchiveWriter(tmp_path / "acme.atoll") as writer, path.open("rb") as opened:
        assert not writer.add_file("a", Shorter(opened))
