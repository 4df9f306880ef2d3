import json
import os
import pickle
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open

from errors import Code, TesseraError
from genotypes.manifest import BundleManifest
from models.dae.bundle import Bundle
from models.dae.published.convert import ImportOptions, import_bundle
from models.dae.published.layout import find_tiles
from models.dae.published.ownership import merge, owners, runs
from tests.support.published import PublishedTile, overlapping_tiles


def convert(source: Path, out: Path, **changes: object) -> BundleManifest:
    return import_bundle(ImportOptions(source, out, "hrc", "GRCh37", **changes), lambda done, total: None)  # type: ignore[arg-type]


def refused(source: Path) -> TesseraError:
    with pytest.raises(TesseraError) as error:
        convert(source, source / "out")
    assert error.value.code is Code.import_invalid
    assert not list(source.glob("out*"))
    return error.value


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for tile in overlapping_tiles():
        tile.write(tmp_path)
    return tmp_path


def test_bundle_holds_every_site_once_and_no_pickle(source: Path) -> None:
    manifest = convert(source, source / "out")
    bundle = Bundle.open(source / "out")
    bundle.verify()
    names = {path.name for path in (source / "out").rglob("*") if path.is_file()}
    assert names == {"manifest.json", "sites.bcf", "sites.bcf.csi", "tiles.safetensors"}
    sites = bundle.sites("22")
    keys = list(zip(sites.pos.tolist(), sites.ref, sites.alt, strict=True))
    assert keys == sorted({site for tile in overlapping_tiles() for site in tile.sites})
    assert sites.af is None
    assert sites.id[0] == "rs1000"
    assert manifest.architecture["kind"] == "published-dense"
    assert manifest.calibration == {}
    # 1,090, 1,100 and 1,110 are held by two tiles
    assert manifest.training["published"] == {"tiles": 3, "finished": 3, "sites_in_overlaps": 3}


def test_overlaps_are_cut_in_the_middle_and_owned_once(source: Path) -> None:
    convert(source, source / "out")
    bundle = Bundle.open(source / "out")
    sites, tiles = bundle.sites("22"), bundle.tiles("22")
    assert [row for tile in tiles for row in range(tile.first, tile.end)] == list(range(len(sites)))
    assert sites.tile is not None
    assert [(t.index, t.first, t.end) for t in tiles] == [
        (i, *(np.flatnonzero(sites.tile == i)[[0, -1]] + [0, 1]).tolist()) for i in range(len(tiles))
    ]
    # 1,000 to 1,110 and 1,090 to 1,200 meet at 1,100, the tie goes left; what only the other tile holds stays with it.
    source_of = [tile.inputs[0] for tile in tiles]
    got = [(sites.pos[t.first : t.end].tolist(), int(sites.pos[s])) for t, s in zip(tiles, source_of, strict=True)]
    assert got[1] == ([1093], 1090)
    assert got[0][0][-1] == 1090
    assert got[2] == ([1100, 1107], 1000)
    assert got[3][0][0] == 1110
    # The inputs of a tile are all its own sites, owned or not.
    expected = sorted(set(overlapping_tiles()[0].sites))
    assert [(int(sites.pos[r]), sites.ref[r], sites.alt[r]) for r in tiles[0].inputs] == expected


def test_weights_of_a_tile_are_stored_once_as_published(source: Path) -> None:
    convert(source, source / "out")
    first = overlapping_tiles()[0]
    with safe_open(source / "out" / "22" / "tiles.safetensors", "np") as file:
        names = [name for name in file.keys() if name.endswith("encoder.0.weight")]  # noqa: SIM118
        assert names == ["t0.encoder.0.weight", "t1.encoder.0.weight", "t2.encoder.0.weight"]
        origin = json.loads(file.metadata()["published"])
        assert [(row["model"], row["sites"], row["owned"]) for row in origin] == [
            ("model_7_F", 13, 12),
            ("model_7_F", 14, 12),
            ("model_7_F", 5, 5),
        ]
        assert np.array_equal(file.get_tensor(names[0]), first.state["encoder.0.weight"].astype(np.float32))


def test_half_precision_halves_the_weights_and_is_checked(source: Path) -> None:
    convert(source, source / "out")
    convert(source, source / "half", weights="float16")
    one, two = (Bundle.open(source / name).load("22", 0).state_dict() for name in ("out", "half"))
    assert all(torch.allclose(one[name], two[name], rtol=1e-3, atol=1e-6) for name in one)
    sizes = [(source / name / "22" / "tiles.safetensors").stat().st_size for name in ("out", "half")]
    assert sizes[1] < 0.75 * sizes[0]
    tile = PublishedTile([(1, "A", "C"), (2, "A", "C")], chrom="21")
    tile.state["encoder.0.bias"][0] = 1e6
    tile.write(source / "large")
    with pytest.raises(TesseraError, match="16 bits"):
        convert(source / "large", source / "large.out", weights="float16")


def test_an_existing_folder_is_never_overwritten(source: Path) -> None:
    (source / "out").mkdir()
    with pytest.raises(TesseraError) as error:
        convert(source, source / "out")
    assert error.value.code is Code.setup_invalid


def test_depth_decides_also_when_a_tile_lies_within_another() -> None:
    keys = [np.array(k, np.int64) * 16 for k in ([0, 10, 20, 30, 40], [10, 20, 30], [40, 50])]
    sites, rows = merge(keys)
    owner = owners(sites >> 4, rows)
    assert owner.tolist() == [0, 0, 0, 0, 0, 2]
    assert runs(owner) == [(0, 0, 5), (2, 5, 6)]


def test_every_chromosome_becomes_a_file(source: Path) -> None:
    for chrom in ("21", "X", "3"):
        PublishedTile([(5, "A", "C"), (9, "A", "C")], chrom=chrom).write(source)
    manifest = convert(source / "best_model_weights", source / "out")
    assert {name: one.sites for name, one in manifest.chromosomes.items()} == {"3": 2, "21": 2, "22": 29, "X": 2}


class Evil:
    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (os.system, (f"touch {self.mark}",))


@pytest.mark.parametrize("form", ["zip", "old", "plain", "value"])
def test_a_pickle_that_runs_code_is_refused(source: Path, form: str) -> None:
    mark = source / "executed"
    path = next(source.rglob("*.pth"))
    if form == "plain":
        path.write_bytes(pickle.dumps(Evil(mark)))
    elif form == "value":
        torch.save({**torch.load(path, weights_only=True), "encoder.0.bias": Evil(mark)}, path)
    else:
        torch.save({"encoder.0.weight": Evil(mark)}, path, _use_new_zipfile_serialization=form == "zip")
    refused(source)
    assert not mark.exists()


@pytest.mark.parametrize("fault", ["nan", "shape", "missing", "extra", "list", "text", "integers", "empty"])
def test_weights_that_do_not_fit_the_settings_are_refused(source: Path, fault: str) -> None:
    path = next(source.rglob("*.pth"))
    state: dict[str, object] = torch.load(path, weights_only=True)
    first = state["encoder.0.bias"]
    assert isinstance(first, torch.Tensor)
    changes: dict[str, object] = {
        "nan": state | {"encoder.0.bias": first * float("nan")},
        "shape": state | {"encoder.0.bias": first[1:]},
        "missing": {name: value for name, value in state.items() if name != "encoder.0.bias"},
        "extra": state | {"encoder.1.running_mean": first},
        "list": list(state.values()),
        "text": state | {"encoder.0.bias": "0"},
        "integers": state | {"encoder.0.bias": first.int()},
    }
    if fault == "empty":
        path.write_bytes(b"")
    else:
        torch.save(changes[fault], path)
    refused(source)


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("22\t1000\trs1\tA\n", "columns"),
        ("22\t1000\trs1\tA\tG\t.\n", "columns"),
        ("22 1000 rs1 A G\n", "columns"),
        ("21\t1000\trs1\tA\tG\n", "chromosome 21"),
        ("22\t0\trs1\tA\tG\n", "position"),
        ("22\tx\trs1\tA\tG\n", "position"),
        ("22\t" + "9" * 5000 + "\trs1\tA\tG\n", "position"),
        ("22\t1000\trs1\tAT\tG\n", "alleles"),
        ("22\t1000\trs1\tA\tN\n", "alleles"),
        ("22\t1000\trs1\tA\tA\n", "alleles"),
    ],
)
def test_site_lists_of_another_form_are_refused(source: Path, line: str, says: str) -> None:
    path = next(source.rglob("*.pos"))
    path.write_text(path.read_text() + line)
    assert says in refused(source).message


def test_lists_choose_tiles_and_models(source: Path) -> None:
    first, second, third = overlapping_tiles()
    shutil.copytree(first.folder(source), first.folder(source).with_name(f"retrained.{first.span}.vcf.VMV1"))
    assert "2 models" in refused(source).message
    rows = [f".{t.span}.vcf.VMV1\tbest_model_weights/x/{t.folder(source).name}\tmodel_7_F\n" for t in (first, second)]
    (source / "best_model_weights" / "metadata.tsv").write_text("".join(rows))
    assert [one.folder for one in find_tiles(source)] == [t.folder(source) for t in (first, second, third)]
    regions = source / "tiling_regions"
    regions.mkdir()
    listed = "".join(f"22:{t.sites[0][0]}-\t.{t.span}.vcf.VMV1\n" for t in (second, third))
    (regions / "chr22_regions_file.txt").write_text(listed)
    assert [one.start for one in find_tiles(source)] == [1090, 1300]
    (regions / "chr22_regions_file.txt").write_text(listed + "22:7-9\t.7-9.vcf.VMV1\n")
    assert "not there" in refused(source).message


def test_the_last_tile_may_have_no_end_in_its_name(tmp_path: Path) -> None:
    tile = PublishedTile([(50933275, "A", "C"), (50933280, "A", "C")])
    folder = tile.write(tmp_path).parent
    folder.rename(folder.with_name("22_50933275-"))
    (found,) = find_tiles(tmp_path)
    assert found.start == 50933275
    assert found.finished


@pytest.mark.parametrize("lacking", ["*_param.py", "*.pos", "*.pth"])
def test_a_tile_without_all_its_files_is_refused(tmp_path: Path, lacking: str) -> None:
    PublishedTile([(5, "A", "C"), (9, "A", "C")]).write(tmp_path)
    next(tmp_path.rglob(lacking)).unlink()
    refused(tmp_path)
