"""The automatic choice of a bundle: by the sites, with its reason, and with a refusal that gives the figure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from errors import Code, TesseraError
from genotypes.manifest import BundleManifest
from tests.support.fake_engine import FakeBundle, make_sites
from tests.support.uploads import Upload, make_upload
from worker.pipeline.choose import MIN_OVERLAP, check_enough, choose
from worker.pipeline.harmonise import harmonise
from worker.pipeline.ingest import ingest


@dataclass
class NamedBundle(FakeBundle):
    """A fake bundle with a name and an id of its own."""

    name: str = "fake"

    def __post_init__(self) -> None:
        super().__post_init__()
        made: BundleManifest = replace(self.manifest, name=self.name, created=f"2026-{self.name}")
        self.manifest = replace(made, id=made.content_id())


def bundle(name: str, build: str = "GRCh37", chromosomes: tuple[str, ...] = ("20",), seed: int = 1) -> NamedBundle:
    return NamedBundle({c: make_sites(c, 300, seed=seed, first=1_000_000 + 137 * seed) for c in chromosomes},
                       build=build, length=None, name=name)  # fmt: skip


OURS = bundle("ours", chromosomes=("20", "X"))
OTHER_BUILD = bundle("other-build", "GRCh38", seed=3)
OTHER_CHROMOSOME = bundle("other-chromosome", chromosomes=("7",))
ALL = [OTHER_BUILD, OTHER_CHROMOSOME, OURS]


def ingested(folder: Path, upload: Upload) -> Path:
    ingest([upload.write(folder / "x.vcf")], folder / "in")
    return folder / "in"


def pick(folder: Path, bundles: list[NamedBundle], build: str = "auto") -> tuple[str, str]:
    opened = {one.manifest.id: one for one in bundles}
    choice = choose(folder, [one.manifest for one in bundles], opened.__getitem__, build)
    assert choice.note.code == "bundle_chosen"
    return opened[choice.bundle].name, choice.note.message


@pytest.mark.parametrize("order", [1, -1])
def test_the_sites_choose_between_builds_and_chromosomes(tmp_path: Path, order: int) -> None:
    upload = make_upload(OTHER_BUILD.sites("20"), every=1)
    upload.header.append("##reference=GRCh37")  # and the header is wrong
    name, why = pick(ingested(tmp_path, upload), ALL[::order])
    assert name == "other-build"
    assert f"Bundle {OTHER_BUILD.manifest.id} was chosen from 3 installed: GRCh38, 1 chromosome" in why
    assert "100.0% of the 300 sites compared" in why
    assert f"{OURS.manifest.id}, GRCh37" in why
    assert "1 of another build or without a chromosome" in why


def test_a_stated_build_leaves_out_the_others(tmp_path: Path) -> None:
    folder = ingested(tmp_path, make_upload(OTHER_BUILD.sites("20")))
    assert pick(folder, ALL, "GRCh37")[0] == "ours"
    assert pick(folder, ALL, "hg38")[0] == "other-build"
    assert pick(folder, ALL, "T2T")[0] == "other-build", "no bundle has it: liftover or its refusal is harmonise's"


def test_more_of_the_upload_wins_and_newest_breaks_ties(tmp_path: Path) -> None:
    one, two = (make_upload(OURS.sites(name)) for name in ("20", "X"))
    both = Upload(one.chrom + two.chrom, one.pos + two.pos, one.ref + two.ref, one.alt + two.alt,
                  one.gts + two.gts, one.samples, contigs=None)  # fmt: skip
    folder = ingested(tmp_path, both)
    name, why = pick(folder, [bundle("zz-only-20"), OURS])
    assert (name, "fit alike" in why) == ("ours", False)
    name, why = pick(folder, [OURS, bundle("zz-the-same", chromosomes=("20", "X"))])
    assert name == "zz-the-same"
    assert why.endswith("The first two fit alike: the newer one was taken.")


def measured(one: NamedBundle, **r2: float) -> NamedBundle:
    """The bundle with an aggregate r2 on each of some arrays, in one bin of allele frequency."""
    tables = [{"array": name, "people": 50, "bins": [{"maf": [0, 0.5], "sites": 9, "r2": x}]} for name, x in r2.items()]
    made = replace(one.manifest, accuracy=tables, id="")
    one.manifest = replace(made, id=made.content_id())
    return one


def test_of_bundles_that_fit_alike_the_more_accurate_one_is_taken(tmp_path: Path) -> None:
    folder = ingested(tmp_path, make_upload(OURS.sites("20")))
    better = measured(bundle("better"), gsa=0.8, ukb=0.9)
    # Its mean is the higher one, but on the array that both were measured on it is worse.
    worse = measured(bundle("newer"), gsa=0.7, omni=0.99)
    unknown = bundle("zz-newest")
    for order in (1, -1):
        name, why = pick(folder, [better, worse, unknown][::order])
        assert name == "better"
        assert why.endswith("The first two fit alike: the more accurate one was taken.")
    assert pick(folder, [measured(bundle("a"), gsa=0.8), measured(bundle("b"), gsa=0.8)])[0] == "b"


def test_no_bundle_at_all_and_none_with_the_chromosome(tmp_path: Path) -> None:
    folder = ingested(tmp_path, make_upload(OURS.sites("X")))
    for bundles, code in (([], Code.bundle_not_found), ([OTHER_BUILD], Code.chromosome_not_in_bundle)):
        with pytest.raises(TesseraError) as caught:
            pick(folder, bundles)
        assert caught.value.code is code


@pytest.mark.parametrize(("kept", "refused"), [(90, False), (24, True)])
def test_too_small_an_overlap_is_refused_with_the_figure(tmp_path: Path, kept: int, refused: bool) -> None:
    """Of 300 sites of the upload, `kept` are the bundle's, and the others lie between its sites."""
    table = OURS.sites("20")

    def move(upload: Upload) -> None:
        for row in range(kept, 300):
            upload.pos[row] += 1

    upload = make_upload(table, every=1).edit(move)
    assert len(set(upload.pos)) == 299, "one pair of sites shares its position"
    summary = harmonise(ingested(tmp_path, upload), OURS, tmp_path / "out")
    if not refused:
        check_enough(tmp_path / "out", OURS)
        return
    with pytest.raises(TesseraError) as caught:
        check_enough(tmp_path / "out", OURS)
    assert caught.value.code is Code.small_overlap
    assert f"{summary.sites:,} of the upload's" in caught.value.message
    assert f"needs {MIN_OVERLAP:.0%}" in caught.value.message
    assert caught.value.details["shared"] == summary.sites
    assert caught.value.details["share"] == pytest.approx(summary.sites / caught.value.details["sites"], abs=1e-4)


def test_a_dense_upload_that_holds_the_whole_bundle_is_enough(tmp_path: Path) -> None:
    """Sequence data: most of its sites are not the bundle's, but all of the bundle's are there."""
    table = OURS.sites("20")
    upload = make_upload(table, every=1)
    dense = upload.edit(lambda one: None)
    for shift in range(1, 8):
        more = upload.edit(lambda one, shift=shift: one.pos.__setitem__(slice(None), [p + shift for p in one.pos]))
        for name in ("chrom", "pos", "ref", "alt", "gts"):
            getattr(dense, name).extend(getattr(more, name))
    order = sorted(range(len(dense.pos)), key=lambda row: dense.pos[row])
    harmonise(ingested(tmp_path, dense.rows(order)), OURS, tmp_path / "out")
    check_enough(tmp_path / "out", OURS)
