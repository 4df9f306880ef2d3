import numpy as np
import pytest

from genotypes import cells
from genotypes import codes as gt
from genotypes.cells import Layout, quantise, quantise_haplotypes, tables


def random_gp(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.dirichlet([0.3, 0.3, 0.3], n).astype(np.float32)[:, None, :]


def text_of(items: np.ndarray, phased: bool) -> list[str]:
    return [bytes(item).rstrip(b"\0").decode() for item in tables(phased).text[items.ravel()]]


def test_rounded_probabilities_sum_to_one_and_stay_close():
    gp = random_gp(np.random.default_rng(1), 20000)
    items = quantise(gp)
    assert items.dtype == np.int32
    rounded = tables(False).gp[items[:, 0]]
    assert (rounded.sum(axis=1) == 1000).all()
    assert (rounded >= 0).all()
    assert np.abs(rounded[:, 1:] / 1000 - gp[:, 0, 1:]).max() <= 0.001
    assert np.abs(rounded[:, 0] / 1000 - gp[:, 0, 0]).max() < 0.0016


@pytest.mark.parametrize("gp", [(0, 0.5005, 0.4995), (0, 0.4995, 0.5005), (0, 0.9995, 0.0005), (0, 0.0005, 0.9995)])
def test_halves_that_both_round_up(gp):
    rounded = tables(False).gp[quantise(np.array([[gp]], np.float32))[0, 0]]
    assert rounded.sum() == 1000
    assert (rounded >= 0).all()


def test_text_agrees_with_itself():
    gp = random_gp(np.random.default_rng(2), 3000)
    for cell in text_of(quantise(gp), phased=False):
        genotype, ds, probabilities = cell.rstrip("\t").split(":")
        p = [int(one.replace(".", "")) for one in probabilities.split(",")]
        assert sum(p) == 1000
        assert int(ds.replace(".", "")) == p[1] + 2 * p[2]
        assert genotype == ("0/0", "0/1", "1/1")[int(np.argmax(p))]


def test_phased_text_agrees_with_itself():
    hds = np.random.default_rng(3).uniform(0, 1, (3000, 1, 2)).astype(np.float32)
    for cell in text_of(quantise_haplotypes(hds), phased=True):
        genotype, ds, probabilities, haplotypes = cell.rstrip("\t").split(":")
        one, two = (int(h.replace(".", "")) for h in haplotypes.split(","))
        p = [int(x.replace(".", "")) for x in probabilities.split(",")]
        assert int(ds.replace(".", "")) == one + two
        assert sum(p) == 1000
        assert abs(p[2] - one * two / 1000) <= 0.5
        assert genotype == f"{int(one > 500)}|{int(two > 500)}"


@pytest.mark.parametrize("phased", [False, True])
def test_cells_are_equally_wide_and_end_in_a_tab(phased):
    text = tables(phased).text
    assert text.dtype.itemsize == (40 if phased else 28)
    letters = text.view(np.uint8).reshape(len(text), -1)
    assert (letters[: cells.MISSING_DIPLOID] != 0).all()
    assert (letters[: cells.MISSING_DIPLOID, -1] == ord("\t")).all()


def test_haploid_samples_read_alt_probability_from_either_kind_of_code():
    ploidy = np.array([1, 2], np.int8)
    gp = np.array([[[0.75, 0, 0.25], [0.75, 0.0, 0.25]]], np.float32)
    unphased = Layout(ploidy, phased=False)
    items = unphased.items(quantise(gp))
    assert text_of(items, False) == ["0:0.250000:0.750000,0.25000\t", "0/0:0.500:0.750,0.000,0.250\t"]
    assert unphased.dosage(items).tolist() == [[0.25, 0.5]]
    hds = np.array([[[0.25, np.nan], [0.25, 0.5]]], np.float32)
    phased = Layout(ploidy, phased=True)
    found = text_of(phased.items(quantise_haplotypes(hds)), True)
    assert found[0] == "0:0.250000:0.750000,0.25000:0.250000000\t"
    assert found[1].startswith("0|0:0.750:")


def test_observed_genotypes_are_written_as_given():
    layout = Layout(np.array([2, 2, 2, 2, 2, 2, 1, 1, 1], np.int8), phased=False)
    observed = np.array([[0, 1, 2, 3, 4, -1, 5, 6, -1]], np.int8)
    imputed = np.full((1, 9), 100, np.int32)
    imputed[0, 8] = 100 * 1001
    assert text_of(layout.items(imputed, observed), False) == [
        "0/0:0.000:1.000,0.000,0.000\t",
        "0/1:1.000:0.000,1.000,0.000\t",
        "1/1:2.000:0.000,0.000,1.000\t",
        "0|1:1.000:0.000,1.000,0.000\t",
        "1|0:1.000:0.000,1.000,0.000\t",
        "0/0:0.100:0.900,0.100,0.000\t",
        "0:0.000000:1.000000,0.00000\t",
        "1:1.000000:0.000000,1.00000\t",
        "0:0.100000:0.900000,0.10000\t",
    ]
    assert layout.dosage(layout.items(imputed, observed))[0, :6].tolist() == pytest.approx([0, 1, 2, 1, 1, 0.1])


def test_an_unphased_heterozygote_in_a_phased_file_stays_certain():
    layout = Layout(np.array([2], np.int8), phased=True)
    items = layout.items(np.zeros((1, 1), np.int32), np.array([[gt.HET]], np.int8))
    assert text_of(items, True) == ["0/1:1.000:0.000,1.000,0.000:0.500,0.500\t"]


def test_typed_only_genotypes_may_stay_missing():
    layout = Layout(np.array([2, 1, 2], np.int8), phased=False)
    items = layout.observed_items(np.array([[-1, -1, 1]], np.int8))
    assert text_of(items, False) == ["./.:.:.\t", ".:.:.\t", "0/1:1.000:0.000,1.000,0.000\t"]
    assert np.isnan(layout.dosage(items)).tolist() == [[True, True, False]]


def test_input_is_not_changed():
    gp = random_gp(np.random.default_rng(4), 10)
    before, codes = gp.copy(), quantise(gp)
    kept = codes.copy()
    Layout(np.array([1], np.int8), phased=False).items(codes, np.full((10, 1), -1, np.int8))
    assert (gp == before).all()
    assert (codes == kept).all()
