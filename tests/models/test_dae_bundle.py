import json
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch

from errors import Code, TesseraError
from genotypes.manifest import BundleManifest, find_bundle, list_bundles
from models.dae import evaluate
from models.dae.bundle import Bundle
from models.dae.calibrate import Calibration, apply, fit
from models.dae.encoding import prior_logits
from models.maf import MAF_EDGES, maf_bins
from tests.support.bundles import EVERY, SITES, TinyPanel, train_tiny


@pytest.fixture
def copy(tiny_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_folder / "tiny", tmp_path / "tiny"))


def test_bundle_holds_every_site_of_the_panel(tiny_folder: Path, tiny_panel: TinyPanel) -> None:
    bundle = Bundle.open(tiny_folder / "tiny")
    bundle.verify()
    sites, tiles = bundle.sites("20"), bundle.tiles("20")
    np.testing.assert_array_equal(sites.pos, tiny_panel.pos)
    assert sites.ref.tolist() == tiny_panel.ref
    assert sites.alt.tolist() == tiny_panel.alt
    assert sites.af is not None
    np.testing.assert_allclose(sites.af, tiny_panel.haplotypes.mean(0), atol=1e-5)
    assert [v for t in tiles for v in range(t.first, t.end)] == list(range(SITES))
    assert all(set(t.inputs) <= set(range(0, SITES, EVERY)) for t in tiles)


def test_no_file_of_a_bundle_is_a_pickle(tiny_folder: Path) -> None:
    names = {p.name for p in (tiny_folder / "tiny").rglob("*") if p.is_file()}
    assert names == {"manifest.json", "sites.bcf", "sites.bcf.csi", "tiles.safetensors"}


def test_id_follows_the_content(copy: Path) -> None:
    manifest = BundleManifest.read(copy)
    assert manifest.id == f"tiny-{manifest.digest()[:12]}"
    data = json.loads((copy / "manifest.json").read_text())
    data["licence"] = "another"
    (copy / "manifest.json").write_text(json.dumps(data))
    with pytest.raises(TesseraError) as error:
        BundleManifest.read(copy)
    assert error.value.code is Code.bundle_invalid


def test_verify_finds_a_changed_byte_and_a_stray_file(copy: Path) -> None:
    (copy / "notes.txt").write_text("x")
    with pytest.raises(TesseraError, match=r"notes\.txt"):
        Bundle.open(copy).verify()
    (copy / "notes.txt").unlink()
    weights = copy / "20" / "tiles.safetensors"
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    with pytest.raises(TesseraError, match=r"tiles\.safetensors"):
        Bundle.open(copy).verify()


def test_unreadable_weights_are_a_coded_error(copy: Path) -> None:
    (copy / "20" / "tiles.safetensors").write_bytes(b"not weights")
    with pytest.raises(TesseraError) as error:
        Bundle.open(copy).tiles("20")
    assert error.value.code is Code.bundle_invalid


@pytest.mark.parametrize("inside", ["", "bundle/"])
def test_tar_opens_like_the_folder(tiny_folder: Path, tmp_path: Path, inside: str) -> None:
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        archive.add(tiny_folder / "tiny", arcname=inside or ".")
    bundle = Bundle.open(tmp_path / "b.tar")
    bundle.verify()
    assert bundle.digest == Bundle.open(tiny_folder / "tiny").digest


@pytest.mark.parametrize("name", ["../outside", "/outside", "link"])
def test_tar_that_reaches_outside_its_folder_is_refused(tiny_folder: Path, tmp_path: Path, name: str) -> None:
    member = tarfile.TarInfo(name)
    if name == "link":
        member.type, member.linkname = tarfile.SYMTYPE, "/etc"
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        archive.add(tiny_folder / "tiny", arcname="tiny")
        archive.addfile(member)
    with pytest.raises(TesseraError) as caught:
        Bundle.open(tmp_path / "b.tar")
    assert caught.value.code is Code.bundle_invalid


def test_a_chromosome_it_lacks_is_named(tiny_folder: Path) -> None:
    with pytest.raises(TesseraError) as error:
        Bundle.open(tiny_folder / "tiny").sites("7")
    assert error.value.code is Code.chromosome_not_in_bundle


def test_bundles_are_found_by_id_and_name_and_broken_ones_left_out(tiny_folder: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny_folder / "tiny", tmp_path / "good")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "manifest.json").write_text("{}")
    (_, manifest), *others = list_bundles(tmp_path)
    assert others == []
    assert find_bundle(tmp_path, manifest.id)[1] == find_bundle(tmp_path, "tiny")[1] == manifest
    with pytest.raises(TesseraError) as error:
        find_bundle(tmp_path, "other")
    assert error.value.code is Code.bundle_not_found


def test_training_goes_on_from_its_checkpoint(tiny_folder: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    work.mkdir()
    full = train_tiny(tiny_folder, str(tmp_path / "full"), 20, work=tmp_path / "full.work")
    shutil.copy(tmp_path / "full.work" / "tile-0.pt", work)
    before = (work / "tile-0.pt").stat().st_mtime_ns
    resumed = train_tiny(tiny_folder, str(tmp_path / "resumed"), 20, work=work)
    assert (work / "tile-0.pt").stat().st_mtime_ns == before  # the finished tile was not trained again
    assert (work / "tile-1.pt").exists()
    assert resumed.chromosomes == full.chromosomes
    one, two = (Bundle.open(tmp_path / name).load("20", 0).state_dict() for name in ("full", "resumed"))
    assert all(torch.equal(one[name], two[name]) for name in one)


def test_an_existing_folder_is_never_overwritten(tiny_folder: Path) -> None:
    with pytest.raises(TesseraError) as error:
        train_tiny(tiny_folder, "tiny", 20)
    assert error.value.code is Code.setup_invalid


def test_maf_bins_have_their_upper_edge_inside() -> None:
    af = np.array([0.0005, 0.001, 0.0011, 0.05, 0.5, 0.96, 1.0], np.float32)
    assert maf_bins(af).tolist() == [0, 0, 1, 3, 4, 3, 0]


def test_temperature_moves_logits_between_prior_and_network() -> None:
    prior, logits = torch.zeros(2, 2), torch.full((1, 2, 2), 4.0)
    got = apply(logits, prior, torch.tensor([[0.5], [2.0]]))
    assert got[0, :, 0].tolist() == [2.0, 8.0]


def test_calibration_recovers_a_known_overconfidence() -> None:
    rng = np.random.default_rng(8)
    af = np.full(40, 0.3, np.float32)
    prior = prior_logits(torch.from_numpy(af))
    honest = prior + torch.from_numpy(rng.normal(0, 1.5, (400, 40, 1)).astype(np.float32)) * torch.tensor([1.0, -1.0])
    p = honest.sigmoid()
    gp = torch.stack([1 - p[..., 1], (p.sum(-1) - 1).clamp_min(0), 1 - p[..., 0]], -1)
    truth = torch.multinomial((gp / gp.sum(-1, keepdim=True)).flatten(0, 1), 1).view(400, 40)
    loud = prior + 1.8 * (honest - prior)
    found = fit([loud], [truth], [torch.ones(40, dtype=torch.bool)], [af])
    assert abs(found.temperatures[len(MAF_EDGES) - 2] - 1 / 1.8) < 0.08
    assert found.temperatures[0] == 1.0  # no site in this bin
    assert Calibration.from_dict(found.as_dict()).temperatures == pytest.approx(found.temperatures, abs=1e-4)


def test_aggregate_r2_counts_the_minor_allele() -> None:
    truth = np.array([[0, 0, 1], [2, 2, 1]], np.int8)
    af = np.array([0.1, 0.9], np.float32)
    assert evaluate.aggregate_r2(truth.astype(np.float32), truth, af) == pytest.approx(1.0)
    assert evaluate.aggregate_r2(np.array([[0.0, 0, 0], [2, 2, 2]], np.float32), truth, af) is None
