from __future__ import annotations

import pytest

from api.names import MAX_DISPLAY_CHARS, MAX_KEY_CHARS, display_name, key_name, split_ending, unique_name
from errors import TesseraError
from jobs.storage.keys import check_key

HOSTILE = [
    "../../etc/passwd", "..", ".", "...", "a/../b.vcf", "C:\\x\\..\\y.vcf", "-rf", ".bashrc", "a\0b.vcf", "a\nb.vcf",
    "\u202egcv.fcv", "ü é 漢字.vcf.gz", "漢字", "a" * 5000 + ".vcf.gz", "a." + "b" * 5000, " ", "a b (1).vcf",
    "%2e%2e", "~", "$(x).vcf",
]  # fmt: skip


@pytest.mark.parametrize("raw", HOSTILE)
def test_whatever_the_name_the_key_is_one_plain_segment(raw: str) -> None:
    key = f"0-{key_name(raw)}"
    assert check_key(f"jobs/x/uploads/{key}").count("/") == 3
    assert key.isascii()
    assert len(key) <= MAX_KEY_CHARS + 2


@pytest.mark.parametrize("raw", [name for name in HOSTILE if name.strip(".")])
def test_whatever_the_name_what_is_shown_is_one_printable_line(raw: str) -> None:
    shown = display_name(raw, "upload-1", "vcf")
    assert shown.isprintable()
    assert "/" not in shown
    assert "\\" not in shown
    assert 0 < len(shown) <= MAX_DISPLAY_CHARS


@pytest.mark.parametrize("raw", [".", "..", "...", "a/..", "a/", "\0"])
def test_what_is_no_name_at_all_is_refused(raw: str) -> None:
    with pytest.raises(TesseraError) as problem:
        display_name(raw, "upload-1", "vcf")
    assert (problem.value.code.value, problem.value.field) == ("bad_filename", "vcf")


def test_plain_names_stay() -> None:
    assert display_name("My cohort (2).vcf.gz", "x", "vcf") == "My cohort (2).vcf.gz"
    assert key_name("cohort-1.vcf.gz") == "cohort-1.vcf.gz"
    assert key_name("漢字.bcf") == "file.bcf"


def test_a_missing_name_gets_the_default() -> None:
    assert display_name("", "upload-1", "vcf") == display_name("  ", "upload-1", "vcf") == "upload-1"


def test_long_names_keep_their_ending() -> None:
    assert display_name("a" * 999 + ".vcf.gz", "x", "vcf").endswith("aaa.vcf.gz")
    assert key_name("a" * 999 + ".vcf.gz").endswith("aaa.vcf.gz")


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("a.vcf.gz", ("a", ".vcf.gz")),
        ("a.b.VCF.GZ", ("a.b", ".VCF.GZ")),
        ("a.bcf", ("a", ".bcf")),
        ("a.fam", ("a", ".fam")),
        ("a", ("a", "")),
        (".vcf", (".vcf", "")),
    ],
)
def test_endings(name: str, parts: tuple[str, str]) -> None:
    assert split_ending(name) == parts


def test_taken_names_are_numbered() -> None:
    assert unique_name("a.vcf.gz", {"b.vcf.gz"}) == "a.vcf.gz"
    assert unique_name("a.vcf.gz", {"a.vcf.gz", "a (2).vcf.gz"}) == "a (3).vcf.gz"
