import numpy as np
import pytest

from genotypes import store as store_module
from genotypes.sites import SiteTable, strings
from genotypes.store import Store, StoreWriter, sort_store


def sites(pos: list[int]) -> SiteTable:
    n = len(pos)
    return SiteTable("20", np.array(pos, np.int32), strings("A" * n), strings("C" * n), strings(map(str, range(n))))


def codes(n: int, samples: int = 3, start: int = 0) -> np.ndarray:
    return ((np.arange(n * samples, dtype=np.int8) + start) % 3).reshape(n, samples)


def test_blocks_come_back_as_one_map(tmp_path):
    with StoreWriter(tmp_path / "new", "20", 3) as out:
        out.append(sites([5, 7]), codes(2))
        out.append(sites([9]), codes(1, start=1))
    found = Store.open(tmp_path / "new", "20")
    assert isinstance(found.codes, np.memmap)
    assert found.codes.tolist() == [*codes(2).tolist(), *codes(1, start=1).tolist()]
    assert found.sites.pos.tolist() == [5, 7, 9]
    assert found.chrom == "20"
    assert found.rows is None
    assert not found.phased  # code 1 is an unphased heterozygote


def test_phase_is_as_told_or_as_the_heterozygotes_say(tmp_path):
    for name, told, expected in (("a", None, True), ("b", False, False), ("c", True, True)):
        with StoreWriter(tmp_path, name, 2) as out:
            out.append(sites([1]), np.array([[3, 0]], np.int8), phased=told)
        assert Store.open(tmp_path, name).phased is expected


def test_rows_of_another_table_are_kept(tmp_path):
    with StoreWriter(tmp_path, "20", 3) as out:
        out.append(sites([7, 5]), codes(2), rows=np.array([40, 30]))
    assert Store.open(tmp_path, "20").rows.tolist() == [40, 30]
    sort_store(tmp_path, "20")
    assert Store.open(tmp_path, "20").rows.tolist() == [30, 40]


def test_empty_stores_work(tmp_path):
    with StoreWriter(tmp_path, "c0", 3, "chrZ"):
        pass
    found = Store.open(tmp_path, "c0")
    assert found.codes.shape == (0, 3)
    assert found.chrom == "chrZ"
    assert not found.phased
    assert sort_store(tmp_path, "c0") == 0


def test_wrong_shapes_are_refused(tmp_path):
    out = StoreWriter(tmp_path, "20", 3)
    with pytest.raises(ValueError, match="shape"):
        out.append(sites([1, 2]), codes(1))
    out.close()


def test_an_unfinished_store_cannot_be_opened(tmp_path):
    def write() -> None:
        with StoreWriter(tmp_path, "20", 3) as out:
            out.append(sites([1]), codes(1))
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        write()
    with pytest.raises(FileNotFoundError):
        Store.open(tmp_path, "20")


def test_sorting_is_stable_and_bounded(tmp_path, monkeypatch):
    monkeypatch.setattr(store_module, "BLOCK_BYTES", 6)  # two rows at a time
    pos = [30, 10, 20, 10, 30, 5]
    with StoreWriter(tmp_path, "20", 3) as out:
        out.append(sites(pos), codes(6))
    assert sort_store(tmp_path, "20") == 3
    found = Store.open(tmp_path, "20")
    order = np.argsort(pos, kind="stable")
    assert found.sites.pos.tolist() == [5, 10, 10, 20, 30, 30]
    assert found.sites.id.tolist() == [str(row) for row in order]
    assert (found.codes == codes(6)[order]).all()
    assert sort_store(tmp_path, "20") == 0
    assert not list(tmp_path.glob("*.sorting"))
