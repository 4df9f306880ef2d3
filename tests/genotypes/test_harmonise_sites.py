import numpy as np
import pytest

from genotypes.harmonise import Action, match, normal_contig
from genotypes.sites import SiteTable, strings


def table(rows: list[tuple[int, str, str]]) -> SiteTable:
    pos, ref, alt = zip(*rows, strict=True)
    return SiteTable("20", np.array(pos, np.int32), strings(ref), strings(alt), strings(["."] * len(rows)))


BUNDLE = table(
    [(10, "A", "C"), (20, "A", "T"), (30, "G", "A"), (30, "G", "C"), (40, "AT", "A"), (50, "C", "T"), (60, "A", "G")]
)


@pytest.mark.parametrize(
    ("site", "action", "row"),
    [
        ((10, "A", "C"), Action.exact, 0),
        ((10, "C", "A"), Action.swapped, 0),
        ((10, "T", "G"), Action.flipped, 0),
        ((10, "G", "T"), Action.flipped_swapped, 0),
        ((10, "A", "G"), Action.allele_mismatch, -1),
        ((10, "AT", "A"), Action.typed_only, -1),
        ((20, "A", "T"), Action.exact, 1),
        ((20, "T", "A"), Action.swapped, 1),  # never read as the other strand
        ((30, "G", "C"), Action.exact, 3),  # of two sites at a position
        ((30, "C", "G"), Action.swapped, 3),
        ((30, "C", "T"), Action.flipped, 2),
        ((40, "AT", "A"), Action.exact, 4),
        ((40, "A", "AT"), Action.swapped, 4),
        ((40, "TA", "T"), Action.allele_mismatch, -1),  # strands of indels are not guessed
        ((50, "C", "."), Action.exact, 5),
        ((50, "T", "."), Action.swapped, 5),
        ((50, "G", "."), Action.allele_mismatch, -1),
        ((55, "C", "T"), Action.typed_only, -1),
    ],
)
def test_actions(site, action, row):
    found = match(table([site]), BUNDLE)
    assert Action(found.action[0]) is action
    assert found.rows.tolist() == [row]
    assert found.matched.tolist() == [row >= 0]
    assert found.swap.tolist() == [action in (Action.swapped, Action.flipped_swapped)]


def test_only_one_uploaded_site_stands_for_a_bundle_site():
    found = match(table([(60, "A", "G"), (10, "A", "C"), (60, "G", "A")]), BUNDLE)
    assert found.rows.tolist() == [6, 0, -1]
    assert list(found.counts()) == [action.name for action in Action]
    assert {name: count for name, count in found.counts().items() if count} == {"exact": 2, "duplicate": 1}


def test_empty_sides():
    assert len(match(SiteTable.empty("20"), BUNDLE).rows) == 0
    assert match(BUNDLE, SiteTable.empty("20")).counts()["typed_only"] == len(BUNDLE)


@pytest.mark.parametrize(
    ("name", "plain"),
    [
        ("20", "20"), ("chr20", "20"), ("CHR20", "20"), ("020", "20"), ("NC_000020.10", "20"), ("NC_000023.11", "X"),
        ("23", "X"), ("chr23", "X"), ("chrX", "X"), ("x", "X"), ("XY", "X"), ("24", "Y"), ("26", "MT"), ("chrM", "MT"),
        ("chrUn_gl000220", "Un_gl000220"), ("scaffold_12", "scaffold_12"), ("chr", "chr"), ("2L", "2L"), ("29", "29"),
        ("MT", "MT"),
    ],
)  # fmt: skip
def test_contig_names(name, plain):
    assert normal_contig(name) == plain
