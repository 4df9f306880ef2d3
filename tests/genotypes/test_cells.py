import numpy as np
import pytest

from genotypes import cells
from genotypes import codes as gt
from genotypes.cells import Layout, quantise, quantise_haplotypes, tables
from genotypes.celltext import WIDEST, cell_text, put_lines


def random_gp(rng: np.random.Generator, n: int) -> np.ndarray:
    return rng.dirichlet([0.3, 0.3, 0.3], n).astype(np.float32)[:, None, :]


def text_of(items: np.ndarray, phased: bool) -> list[str]:
    return [cell_text(item, phased).decode() for item in items.ravel().tolist()]


def thousandths(numbers: str) -> list[int]:
    return [round(1000 * float(number)) for number in numbers.split(",")]


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
        genotype, ds, probabilities = cell.split(":")
        p = thousandths(probabilities)
        assert sum(p) == 1000
        assert thousandths(ds)[0] == p[1] + 2 * p[2]
        assert genotype == ("0/0", "0/1", "1/1")[int(np.argmax(p))]


def test_phased_text_agrees_with_itself():
    hds = np.random.default_rng(3).uniform(0, 1, (3000, 1, 2)).astype(np.float32)
    for cell in text_of(quantise_haplotypes(hds), phased=True):
        genotype, ds, probabilities, haplotypes = cell.split(":")
        one, two = thousandths(haplotypes)
        p = thousandths(probabilities)
        assert thousandths(ds)[0] == one + two
        assert sum(p) == 1000
        assert abs(p[2] - one * two / 1000) <= 0.5
        assert genotype == f"{int(one > 500)}|{int(two > 500)}"


@pytest.mark.parametrize("phased", [False, True])
def test_text_says_what_the_tables_of_bcf_say_in_the_fewest_letters(phased: bool) -> None:
    look = tables(phased)
    rng = np.random.default_rng(4)
    one, two = rng.integers(0, 1001, (2, 3000))
    imputed = one + cells.BASE * (two if phased else np.minimum(two, 1000 - one))
    for item in [*imputed.tolist(), *range(cells.HAPLOID, cells.N_ITEMS)]:
        haploid, values = look.haploid[item], look.gp[item] / 1000
        alleles = ["." if allele < 0 else str(allele) for allele in look.alleles[item].tolist()]
        fields = [alleles[0] if haploid else chr(look.separator[item]).join(alleles)]
        if item in (cells.MISSING_DIPLOID, cells.MISSING_HAPLOID):
            fields += ["."] * (3 if phased else 2)
        else:
            fields += [f"{look.dosage[item]:g}", ",".join(f"{p:g}" for p in values[: 2 if haploid else 3])]
        if phased and len(fields) == 3:
            halves = look.bcf_hds[item : item + 1].view("<f4")[: 1 if haploid else 2]
            fields.append(",".join(f"{half:g}" for half in halves))
        assert cell_text(item, phased).decode() == ":".join(fields)


def test_lines_are_heads_and_cells() -> None:
    rng = np.random.default_rng(6)
    items = np.where(rng.random((5, 40)) < 0.6, 0, rng.integers(cells.HAPLOID, cells.N_ITEMS, (5, 40))).astype(np.int32)
    heads = [b"head %d\t" % row for row in range(5)]
    out, ends = np.empty(5 * 40 * WIDEST + 200, np.uint8), np.empty(5, np.int64)
    starts = np.cumsum([0, *map(len, heads)])
    put_lines(items, False, np.frombuffer(b"".join(heads), np.uint8), starts, out, ends)
    lines = [head + b"\t".join(cell_text(item, False) for item in row) for head, row in zip(heads, items, strict=True)]
    assert out[: ends[-1]].tobytes() == b"\n".join([*lines, b""])
    assert ends.tolist() == np.cumsum([len(line) + 1 for line in lines]).tolist()


def test_haploid_samples_read_alt_probability_from_either_kind_of_code():
    ploidy = np.array([1, 2], np.int8)
    gp = np.array([[[0.75, 0, 0.25], [0.75, 0.0, 0.25]]], np.float32)
    unphased = Layout(ploidy, phased=False)
    items = unphased.items(quantise(gp))
    assert text_of(items, False) == ["0:0.25:0.75,0.25", "0/0:0.5:0.75,0,0.25"]
    assert unphased.dosage(items).tolist() == [[0.25, 0.5]]
    hds = np.array([[[0.25, np.nan], [0.25, 0.5]]], np.float32)
    phased = Layout(ploidy, phased=True)
    found = text_of(phased.items(quantise_haplotypes(hds)), True)
    assert found[0] == "0:0.25:0.75,0.25:0.25"
    assert found[1].startswith("0|0:0.75:")


def test_observed_genotypes_are_written_as_given():
    layout = Layout(np.array([2, 2, 2, 2, 2, 2, 1, 1, 1], np.int8), phased=False)
    observed = np.array([[0, 1, 2, 3, 4, -1, 5, 6, -1]], np.int8)
    imputed = np.full((1, 9), 100, np.int32)
    imputed[0, 8] = 100 * 1001
    assert text_of(layout.items(imputed, observed), False) == [
        "0/0:0:1,0,0",
        "0/1:1:0,1,0",
        "1/1:2:0,0,1",
        "0|1:1:0,1,0",
        "1|0:1:0,1,0",
        "0/0:0.1:0.9,0.1,0",
        "0:0:1,0",
        "1:1:0,1",
        "0:0.1:0.9,0.1",
    ]
    assert layout.dosage(layout.items(imputed, observed))[0, :6].tolist() == pytest.approx([0, 1, 2, 1, 1, 0.1])


def test_an_unphased_heterozygote_in_a_phased_file_stays_certain():
    layout = Layout(np.array([2], np.int8), phased=True)
    items = layout.items(np.zeros((1, 1), np.int32), np.array([[gt.HET]], np.int8))
    assert text_of(items, True) == ["0/1:1:0,1,0:0.5,0.5"]


def test_typed_only_genotypes_may_stay_missing():
    layout = Layout(np.array([2, 1, 2], np.int8), phased=False)
    items = layout.observed_items(np.array([[-1, -1, 1]], np.int8))
    assert text_of(items, False) == ["./.:.:.", ".:.:.", "0/1:1:0,1,0"]
    assert np.isnan(layout.dosage(items)).tolist() == [[True, True, False]]


def test_input_is_not_changed():
    gp = random_gp(np.random.default_rng(4), 10)
    before, codes = gp.copy(), quantise(gp)
    kept = codes.copy()
    Layout(np.array([1], np.int8), phased=False).items(codes, np.full((10, 1), -1, np.int8))
    assert (gp == before).all()
    assert (codes == kept).all()
