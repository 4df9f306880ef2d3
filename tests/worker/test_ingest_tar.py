"""Tar archives of an upload: as good as the files in them, and harmless whatever they hold."""

from __future__ import annotations

import gzip
import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from errors import Code, TesseraError
from genotypes.guard import Limits
from tests.support.filesets import array_text, fileset, ingested, notes
from tests.support.spoilt import GOOD
from worker.pipeline.tar import TarReader

LIMITS = Limits(max_expanded_bytes=1_000_000)


def entry(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def pack(path: Path, members: list[tuple[tarfile.TarInfo, bytes]], style: int = tarfile.PAX_FORMAT) -> Path:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=style) as archive:
        for info, content in members:
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    data = buffer.getvalue()
    path.write_bytes(gzip.compress(data) if path.name.endswith("gz") else data)
    return path


def vcf(folder: Path) -> bytes:
    return GOOD.write(folder / "g.vcf").read_bytes()


@pytest.mark.parametrize("name", ["all.tar", "all.tar.gz", "all.tgz"])
@pytest.mark.parametrize("style", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_a_fileset_in_an_archive_is_read(tmp_path: Path, name: str, style: int) -> None:
    parts = fileset(GOOD, tmp_path / "x")
    members = [(entry("data", tarfile.DIRTYPE), b""), (entry("data/notes.log"), b"done"), (entry("data/._x"), b"y")]
    members += [(entry(f"data/{path.name}"), path.read_bytes()) for path in parts]
    upload = ingested(tmp_path, [pack(tmp_path / name, members, style)])
    assert upload.samples == GOOD.samples
    assert upload.files == [name]
    assert [one.sites for one in upload.chromosomes] == [len(GOOD.pos)]
    assert notes(upload) == {"archive_members_left_out": 1, "ref_unknown": len(GOOD.pos)}


@pytest.mark.parametrize("style", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_long_names_find_their_parts(tmp_path: Path, style: int) -> None:
    parts = fileset(GOOD, tmp_path / "x")
    members = [(entry(f"{'folder/' * 30}{'n' * 90}{path.suffix}"), path.read_bytes()) for path in parts]
    assert ingested(tmp_path, [pack(tmp_path / "x.tar", members, style)]).samples == GOOD.samples


def test_one_text_in_an_archive_is_named_after_the_archive(tmp_path: Path) -> None:
    text = array_text(GOOD, 0).encode()
    paths = [pack(tmp_path / f"{n}.tar.gz", [(entry("AncestryDNA.txt"), text)]) for n in ("ann", "bob")]
    assert ingested(tmp_path, paths).samples == ["ann", "bob"]


def test_no_member_leaves_its_folder_and_no_link_is_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.vcf"
    secret.write_bytes(vcf(tmp_path))
    members = [
        (entry("../../evil.vcf"), vcf(tmp_path)),
        (entry("/etc/evil.vcf"), b"no"),
        (entry("link.vcf", tarfile.SYMTYPE, str(secret)), b""),
        (entry("hard.vcf", tarfile.LNKTYPE, "../../secret.vcf"), b""),
        (entry("pipe.vcf", tarfile.FIFOTYPE), b""),
        (entry("null.vcf", tarfile.CHRTYPE), b""),
    ]
    (tmp_path / "deep" / "er").mkdir(parents=True)
    upload = ingested(tmp_path / "deep" / "er", [pack(tmp_path / "x.tar", members)])
    assert [one.sites for one in upload.chromosomes] == [len(GOOD.pos)]
    assert notes(upload)["archive_members_left_out"] == 5
    assert not list(tmp_path.rglob("evil*"))
    assert not [path for path in tmp_path.rglob("*") if path.is_symlink()]


def bomb(folder: Path) -> Path:
    return pack(folder / "x.tgz", [(entry("x.vcf"), b"##fileformat=VCFv4.2\n" + b"#" * 3_000_000)])


def crowd(folder: Path) -> Path:
    return pack(folder / "x.tar", [(entry(f"{number}.txt"), b"") for number in range(2001)])


def links_only(folder: Path) -> Path:
    return pack(folder / "x.tar", [(entry("a.vcf", tarfile.SYMTYPE, "/etc/passwd"), b"")])


def nested(folder: Path) -> Path:
    inner = pack(folder / "inner.tar", [(entry("x.vcf"), vcf(folder))]).read_bytes()
    return pack(folder / "x.tar", [(entry("inner.tar"), inner)])


def damaged_header(folder: Path) -> Path:
    path = pack(folder / "x.tar", [(entry("a.vcf"), vcf(folder)), (entry("b.vcf"), b"")])
    data = bytearray(path.read_bytes())
    data[data.index(b"b.vcf") + 1] ^= 1
    path.write_bytes(data)
    return path


def damaged_gzip(folder: Path) -> Path:
    path = pack(folder / "x.tar.gz", [(entry("a.vcf"), vcf(folder))])
    data = bytearray(path.read_bytes())
    data[-6] ^= 0xFF
    path.write_bytes(data)
    return path


def endless_name(folder: Path) -> Path:
    info = entry("././@LongLink", tarfile.GNUTYPE_LONGNAME)
    info.size = 1 << 40
    (folder / "x.tar").write_bytes(info.tobuf(tarfile.GNU_FORMAT) + bytes(1024))
    return folder / "x.tar"


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (bomb, Code.zip_bomb),
        (crowd, Code.bad_archive),
        (links_only, Code.not_vcf),
        (nested, Code.not_vcf),
        (damaged_header, Code.corrupt_file),
        (damaged_gzip, Code.corrupt_file),
        (endless_name, Code.corrupt_file),
    ],
)
def test_archives_that_are_refused(tmp_path: Path, make: Callable[[Path], Path], code: Code) -> None:
    with pytest.raises(TesseraError, match=r"'x\.(tar|tgz|tar\.gz)'") as caught:
        ingested(tmp_path, [make(tmp_path)], limits=LIMITS)
    assert caught.value.code is code


@pytest.mark.parametrize("style", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_an_archive_that_was_cut_anywhere_is_refused(tmp_path: Path, style: int) -> None:
    parts = fileset(GOOD, tmp_path / "x")
    members = [(entry(f"{'n' * 120}{path.suffix}"), path.read_bytes()) for path in parts]
    whole = pack(tmp_path / "x.tar", members, style).read_bytes()
    with TarReader.open(tmp_path / "x.tar") as archive:
        assert len(list(archive)) == 3
    end = len(whole.rstrip(b"\0"))
    for cut in [*range(300, end, 173), *range(512, end + 1, 512)]:
        (tmp_path / "cut.tar").write_bytes(whole[:cut])
        with TarReader.open(tmp_path / "cut.tar") as archive, pytest.raises(TesseraError) as caught:
            list(archive)
        assert caught.value.code is Code.truncated_file
