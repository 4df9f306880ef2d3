"""Published tiles from their files to an imputed VCF, with everything that the published code stumbles over."""

from pathlib import Path

import numpy as np
import pysam
import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from tests.reference import published_forward as reference
from tests.support.published import overlapping_tiles
from tests.support.vcf import write_vcf

SAMPLES = ["A", "B", "C"]
# (bp, REF, ALT, genotypes); every site of the first and the third tile's is 'A>G' or 'T>C'
TYPED = [
    (1000, "A", "G", ["0/0", "0/1", "1/1"]),
    (1010, "G", "A", ["0/0", "0/1", "1/1"]),  # the other way round: turned, not read as it stands
    (1020, "A", "C", ["1/1", "1/1", "1/1"]),  # the position of a site, another allele: not that site
    (1030, "A", "G", ["./.", "0/1", "1/1"]),
    (1040, "A", "G", [".|.", "0|1", "1|1"]),
    (1150, "C", "T", ["0/1", "0/0", "1/1"]),  # two alternative alleles, two records of one position
    (1150, "C", "A", ["0/0", "0/1", "0/0"]),
    (1310, "T", "C", ["0/1", "./.", "./."]),
    (1310, "T", "C", ["0/1", "0/0", "1/1"]),  # the same record again, with more calls
]


def tessera(*words: object) -> Result:
    return CliRunner().invoke(app, [*map(str, words)])


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("published")
    for tile in overlapping_tiles():
        tile.write(folder)
    done = tessera("bundle", "import", folder, "--out", folder / "out", "--build", "GRCh37", "--name", "hrc")
    assert done.exit_code == 0, done.output
    assert "hrc-" in done.stdout
    return folder / "out"


def impute(
    bundle: Path, folder: Path, sites: list[tuple[int, str, str, list[str]]] = TYPED
) -> list[pysam.VariantRecord]:
    pos, ref, alt, gts = (list(column) for column in zip(*sites, strict=True))
    write_vcf(folder / "in.vcf.gz", "chr22", pos, ref, alt, gts, SAMPLES)
    done = tessera("impute", folder / "in.vcf.gz", "-b", bundle, "-o", folder / "out.vcf.gz", "-t", 1)
    assert done.exit_code == 0, done.output
    with pysam.VariantFile(str(folder / "out.vcf.gz")) as file:
        return list(file)


def test_every_site_comes_back_once(bundle: Path, tmp_path: Path) -> None:
    records = impute(bundle, tmp_path)
    keys = [(one.pos, one.ref, one.alts[0]) for one in records if one.alts]
    published = {site for tile in overlapping_tiles() for site in tile.sites}
    assert sorted(keys) == sorted({*published, (1020, "A", "C")})
    assert [one.pos for one in records] == sorted(one.pos for one in records)
    (only,) = [one for one in records if "TYPED_ONLY" in one.info]
    assert (only.pos, only.alts) == (1020, ("C",))
    assert all({"R2", "AF", "MAF"} <= set(one.info) for one in records if one is not only)


def test_dosages_are_those_of_the_published_network(bundle: Path, tmp_path: Path) -> None:
    records = {(one.pos, one.ref, one.alts[0] if one.alts else ""): one for one in impute(bundle, tmp_path)}
    seen = {
        (1000, "A", "G"): [0, 1, 2],
        (1010, "A", "G"): [2, 1, 0],
        (1030, "A", "G"): [-1, 1, 2],
        (1040, "A", "G"): [-1, 1, 2],
    }
    tile = overlapping_tiles()[0]
    for person, name in enumerate(SAMPLES):
        dosages = [seen.get(site, [-1] * 3)[person] for site in tile.sites]
        gp = reference.genotypes(reference.presences(tile.state, tile.activation, dosages))
        for site, dosage, p in zip(tile.sites, dosages, gp, strict=True):
            call = records[site].samples[name]
            if dosage >= 0:
                assert call["DS"] == dosage  # what was observed stays
            elif site[0] < 1090:
                assert call["DS"] == pytest.approx(p[1] + 2 * p[2], abs=0.002)
                np.testing.assert_allclose(call["GP"], p, atol=0.0011)
                assert sum(call["GT"]) == int(np.argmax(call["GP"]))


def test_missing_is_imputed_and_not_written_as_homozygous(bundle: Path, tmp_path: Path) -> None:
    records = {one.pos: one for one in impute(bundle, tmp_path)}
    typed = {1030: ["0/1", "1/1"], 1040: ["0|1", "1/1"]}
    for pos, others in typed.items():
        call = records[pos].samples["A"]
        assert None not in call["GT"]
        assert max(call["GP"]) < 1
        assert [records[pos].samples[name].phased for name in "BC"] == ["|" in one for one in others]


def test_records_at_one_position_keep_to_their_alleles(bundle: Path, tmp_path: Path) -> None:
    records = {(one.pos, one.alts): one for one in impute(bundle, tmp_path)}
    for pos, alt, dosages in ((1150, "T", [1, 0, 2]), (1150, "A", [0, 1, 0]), (1310, "C", [1, 0, 2])):
        assert [records[pos, (alt,)].samples[name]["DS"] for name in SAMPLES] == dosages
        assert "TYPED" in records[pos, (alt,)].info


def test_phased_input_is_imputed_as_unphased(bundle: Path, tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    plain = impute(bundle, tmp_path / "one", [(*s[:3], [g.replace("|", "/") for g in s[3]]) for s in TYPED])
    phased = impute(bundle, tmp_path / "two", [(*s[:3], [g.replace("/", "|") for g in s[3]]) for s in TYPED])
    for one, two in zip(plain, phased, strict=True):
        assert set(two.format) == set(one.format)
        assert "HDS" not in two.format
        for name in SAMPLES:
            assert one.samples[name]["DS"] == two.samples[name]["DS"]
            assert sorted(one.samples[name]["GT"]) == sorted(two.samples[name]["GT"])


def test_the_bundle_can_be_shown_and_verified(bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    shown = tessera("bundle", "show", bundle)
    assert shown.exit_code == 0, shown.output
    assert "leakyrelu" in shown.stdout
    assert tessera("bundle", "verify", bundle).exit_code == 0


def test_a_folder_without_tiles_is_a_sentence(tmp_path: Path) -> None:
    done = tessera("bundle", "import", tmp_path, "--out", tmp_path / "out", "--build", "GRCh37")
    assert done.exit_code != 0
    assert "import_invalid" in done.stderr
    assert list(tmp_path.iterdir()) == []
