"""An archive is read with no trust in it: whatever was changed is found before it is used."""

import hashlib
import io
import json
import tarfile
from dataclasses import replace

import pytest

from tenants.archives import layout, reading
from tenants.archives.errors import ArchiveDamaged, ArchiveTooNew, NotAnArchive
from tenants.archives.manifest import Manifest
from tests.unit.archives.conftest import packed

ROWS = "rows/0002/000001.gz"


def read_again(verified):
    """Files and rows, as a restore gets them."""
    with reading.files_of(verified) as found:
        files = {name: b"".join(blocks) for _, name, blocks in found}
    with reading.rows_of(verified) as found:
        rows = {facts.name: b"".join(blocks) for facts, blocks in found}
    return files, rows


def test_what_was_written_comes_out_again(archive):
    verified = reading.verify(archive)
    assert verified.manifest.tenant.slug == "acme"
    assert verified.digest == hashlib.sha256(verified.manifest.to_bytes()).hexdigest()
    assert read_again(verified) == (
        {"logos/1": b"a picture", "attachments/2": b""},
        {"ticket": b"1\n2\n3\n"},
    )


def test_any_tar_can_read_it(archive):
    with tarfile.open(archive) as tar:
        assert tar.getnames() == [
            "format.json",
            "files/logos/1",
            "files/attachments/2",
            ROWS,
            "structure.json",
            "manifest.json",
        ]


def test_an_archive_that_is_written_anew_unchanged_is_the_same(members):
    assert reading.verify(members.write()).manifest.total_rows == 3


def test_a_file_that_is_not_there_is_no_archive(tmp_path):
    with pytest.raises(NotAnArchive, match="No such file"):
        reading.verify(tmp_path / "none")


def test_a_folder_is_no_archive(tmp_path):
    with pytest.raises(NotAnArchive):
        reading.verify(tmp_path)


@pytest.mark.parametrize("data", [b"", b"hello", b"\x1f\x8b" + b"x" * 2000, b"\0" * 10240])
def test_something_else_is_no_archive(tmp_path, data):
    file = tmp_path / "other"
    file.write_bytes(data)
    with pytest.raises(NotAnArchive):
        reading.verify(file)


def test_another_tar_is_no_archive(tmp_path):
    file = tmp_path / "other.tar"
    with tarfile.open(file, "w") as tar:
        tar.addfile(tarfile.TarInfo("README"), io.BytesIO())
    with pytest.raises(NotAnArchive, match="does not begin with"):
        reading.verify(file)


def test_a_later_format_is_refused_before_anything_else_is_read(members):
    told = {"format": "atoll-tenant", "version": 2}
    members.put(layout.FORMAT_MEMBER, json.dumps(told).encode())
    members.put("manifest.json", b"of another kind")
    with pytest.raises(ArchiveTooNew, match="format 2, and this version reads formats up to 1"):
        reading.verify(members.write())


@pytest.mark.parametrize("told", [b"{}", b"[]", b"nonsense", b'{"format":"x","version":1}'])
def test_a_format_that_says_nothing_is_refused(members, told):
    members.put(layout.FORMAT_MEMBER, told)
    with pytest.raises(NotAnArchive, match="says something else"):
        reading.verify(members.write())


def test_every_cut_is_found(archive):
    whole = archive.read_bytes()
    # A tar ends with zeros up to 10,240 bytes: cut there, nothing is lost.
    end = len(whole.rstrip(b"\0"))
    for size in (*range(0, end, 256), end - 1):
        archive.write_bytes(whole[:size])
        with pytest.raises((ArchiveDamaged, NotAnArchive)):
            reading.verify(archive)


def test_every_changed_byte_of_files_and_rows_is_found(archive):
    whole = archive.read_bytes()
    before = read_again(reading.verify(archive))
    with tarfile.open(archive) as tar:
        spans = [(member.offset_data, member.size) for member in tar]
    for start, size in spans[1:-1]:
        for at in range(start, start + size, 3):
            changed = bytearray(whole)
            changed[at] ^= 1
            archive.write_bytes(changed)
            try:
                verified = reading.verify(archive)
            except ArchiveDamaged:
                continue
            # Of how rows are packed some bytes mean nothing, such as a time of day.
            assert read_again(verified) == before


def test_a_manifest_that_was_changed_has_another_digest(members):
    before = reading.verify(members.write())
    members.change_manifest(made_at="2020-01-01T00:00:00+00:00")
    assert reading.verify(members.write()).digest != before.digest


def test_changed_rows_are_named(members):
    members.put(ROWS, packed(b"1\n2\n4\n"))
    with pytest.raises(ArchiveDamaged, match="the rows of ticket are not what was written"):
        reading.verify(members.write())


def test_rows_that_are_missing_are_named(members):
    members.drop(ROWS)
    with pytest.raises(ArchiveDamaged, match="the rows of ticket"):
        reading.verify(members.write())


def test_rows_of_an_empty_table_are_found(members):
    members.put("rows/0001/000001.gz", packed(b"7\n"), before=ROWS)
    with pytest.raises(ArchiveDamaged, match="the rows of comment"):
        reading.verify(members.write())


@pytest.mark.parametrize(
    "name", ["rows/0003/000001.gz", "rows/0002/000002.gz", "rows/0000/000001.gz", ROWS]
)
def test_rows_too_many_are_found(members, name):
    members.put(name, packed(b"7\n"), before="structure.json")
    with pytest.raises(ArchiveDamaged):
        reading.verify(members.write())


@pytest.mark.parametrize(
    "data",
    [b"", b"plain", packed(b"1\n2\n3\n")[:-3], packed(b"1") * 2],
    ids=["empty", "not packed", "cut short", "twice"],
)
def test_rows_that_cannot_be_unpacked_are_refused(members, data):
    members.put(ROWS, data)
    with pytest.raises(ArchiveDamaged):
        reading.verify(members.write())


def test_a_little_that_unpacks_to_much_takes_no_memory(members):
    members.put(ROWS, packed(b"\0" * 200_000_000))
    verified = members.write()
    largest = 0
    with reading.members(verified) as found:
        for member in found:
            if member.name == ROWS:
                for block in reading.unpacked(verified, member):
                    largest = max(largest, len(block))
    assert 0 < largest <= 64 * 1024


@pytest.mark.parametrize(
    "name",
    [
        "files/../outside",
        "files/a/../../outside",
        "files//etc/passwd",
        "files/./a",
        "files/a\\..\\b",
        "files/",
        "files/a/",
        "files/" + "a" * 300,
        "files/" + "a/" * 2500 + "a",
    ],
)
def test_a_file_that_leads_out_of_its_folder_is_refused(members, name):
    members.put(name, b"x", before=ROWS)
    with pytest.raises(ArchiveDamaged, match="cannot be the name of a file"):
        reading.verify(members.write())


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "C:\\x", "other", "rows/1/1.gz"])
def test_a_member_that_belongs_in_no_archive_is_refused(members, name):
    members.put(name, b"x", before=ROWS)
    with pytest.raises(ArchiveDamaged, match="belongs in no archive"):
        reading.verify(members.write())


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE]
)
def test_links_folders_and_devices_are_refused(members, kind):
    odd = tarfile.TarInfo("files/odd")
    odd.type, odd.linkname = kind, "/etc/passwd"
    members.put_odd(odd, before=ROWS)
    with pytest.raises(ArchiveDamaged, match="no file"):
        reading.verify(members.write())


def test_a_file_too_many_or_too_few_is_found(members):
    members.put("files/third", b"x", before=ROWS)
    with pytest.raises(ArchiveDamaged, match="the files in it"):
        reading.verify(members.write())
    members.drop("files/third")
    members.drop("files/logos/1")
    with pytest.raises(ArchiveDamaged, match="the files in it"):
        reading.verify(members.write())


def test_two_files_that_changed_names_are_found(members):
    first, second = members["files/logos/1"], members["files/attachments/2"]
    members.put("files/logos/1", second)
    members.put("files/attachments/2", first)
    with pytest.raises(ArchiveDamaged, match="the files in it"):
        reading.verify(members.write())


def test_what_follows_the_manifest_is_refused(members, archive):
    members.put("files/late", b"x", before="manifest.json")
    members.found[-2:] = reversed(members.found[-2:])
    with pytest.raises(ArchiveDamaged, match="something follows its manifest"):
        reading.verify(members.write())


def test_what_follows_the_end_is_refused(archive):
    with archive.open("ab") as opened:
        opened.write(b"\0" * 512 + b"more".ljust(512, b"\0"))
    with pytest.raises(ArchiveDamaged, match="something follows its end"):
        reading.verify(archive)


def test_a_structure_that_was_changed_is_found(members):
    members.put("structure.json", b"[]")
    with pytest.raises(ArchiveDamaged, match=r"structure\.json"):
        reading.verify(members.write())


@pytest.mark.parametrize(
    "manifest",
    [
        b"",
        b"[]",
        b"{}",
        b"[" * 100_000,
        b'{"format": "atoll-tenant"}',
        b"\xff\xfe",
    ],
)
def test_a_manifest_that_says_nothing_is_refused(members, manifest):
    members.put("manifest.json", manifest)
    with pytest.raises(ArchiveDamaged):
        reading.verify(members.write())


@pytest.mark.parametrize("wrong", ["rows", "columns", "name", "content_hash"])
def test_a_manifest_with_a_value_of_another_kind_is_refused(members, wrong):
    told = json.loads(members["manifest.json"])
    told["tables"][1][wrong] = {"a": 1}
    members.put("manifest.json", json.dumps(told).encode())
    with pytest.raises(ArchiveDamaged, match="its manifest cannot be read"):
        reading.verify(members.write())


def test_a_file_that_is_another_one_the_second_time_is_found(members):
    verified = reading.verify(members.write())
    members.put(ROWS, packed(b"1\n2\n4\n"))
    members.put("files/logos/1", b"B picture")
    members.write()
    with pytest.raises(ArchiveDamaged, match="the files in it"):
        read_again(verified)
    with (
        pytest.raises(ArchiveDamaged, match="the rows of ticket"),
        reading.rows_of(verified) as found,
    ):
        for _, blocks in found:
            b"".join(blocks)


def test_a_manifest_reads_as_it_was_written(archive):
    manifest = reading.verify(archive).manifest
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest
    assert Manifest.from_bytes(replace(manifest, versions={}).to_bytes()).versions == {}
