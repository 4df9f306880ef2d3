import numpy as np

from genotypes.join import join_sites
from genotypes.sites import SiteTable, strings


def table(*sites):
    pos, ref, alt = zip(*sites, strict=True) if sites else ((), (), ())
    ids = strings(f"{p}{r}{a}" for p, r, a in sites)
    return SiteTable("20", np.array(pos, np.int32), strings(ref), strings(alt), ids)


def joined(*tables, known=None):
    found = join_sites([table(*one) for one in tables], known or [True] * len(tables))
    keys = list(zip(found.sites.pos.tolist(), found.sites.ref, found.sites.alt, strict=True))
    return keys, found.rows.tolist(), found.swap.tolist()


def test_same_sites_lie_side_by_side_and_others_alone():
    keys, rows, swap = joined([(10, "A", "C"), (20, "G", "T")], [(5, "A", "G"), (20, "G", "T")])
    assert keys == [(5, "A", "G"), (10, "A", "C"), (20, "G", "T")]
    assert rows == [[-1, 0, 1], [0, -1, 1]]
    assert not np.any(swap)


def test_swapped_single_bases_are_the_same_site_and_swapped_indels_are_not():
    keys, rows, swap = joined([(10, "A", "C"), (20, "A", "AT")], [(10, "C", "A"), (20, "AT", "A")])
    assert keys == [(10, "A", "C"), (20, "A", "AT"), (20, "AT", "A")]
    assert rows == [[0, 1, -1], [0, -1, 1]]
    assert swap == [[False] * 3, [True, False, False]]


def test_a_table_that_does_not_know_its_ref_follows_one_that_does():
    keys, rows, swap = joined([(20, "AT", "A")], [(20, "A", "AT")], known=[False, True])
    assert keys == [(20, "A", "AT")]
    assert rows == [[0], [0]]
    assert swap == [[True], [False]]


def test_homozygotes_find_the_site_of_their_letter():
    keys, rows, swap = joined([(10, "C", ".")], [(10, "A", "C")], [(10, "A", ".")], known=[False] * 3)
    assert keys == [(10, "A", "C")]
    assert rows == [[0], [0], [0]]
    assert swap == [[True], [False], [False]]


def test_two_homozygotes_make_a_site():
    keys, _, swap = joined([(10, "G", ".")], [(10, "T", ".")], known=[False, False])
    assert keys == [(10, "G", "T")]
    assert swap == [[False], [True]]


def test_repeats_and_further_alleles_stay_apart():
    keys, rows, _ = joined([(10, "A", "C"), (10, "A", "C"), (10, "A", "G")], [(10, "A", "C")])
    assert keys == [(10, "A", "C"), (10, "A", "C"), (10, "A", "G")]
    assert rows == [[0, 1, 2], [0, -1, -1]]


def test_empty_tables():
    keys, rows, _ = joined([], [(10, "A", "C")], [])
    assert keys == [(10, "A", "C")]
    assert rows == [[-1], [0], [-1]]


def test_against_a_dictionary():
    rng = np.random.default_rng(2)
    tables = []
    for _ in range(3):
        sites = {(int(p), *rng.permutation(list("ACGT"))[:2].tolist()) for p in rng.integers(1, 60, 40)}
        one_a_position = {site[0]: site for site in sorted(sites)}
        tables.append([(p, "A", site[2] if site[2] != "A" else "C") for p, site in sorted(one_a_position.items())])
    keys, rows, _ = joined(*tables)
    assert sorted(keys) == sorted(set().union(*tables))
    assert [key[0] for key in keys] == sorted(key[0] for key in keys)
    for number, sites in enumerate(tables):
        held = {key: row for key, row in zip(keys, rows[number], strict=True) if row >= 0}
        assert held == {site: row for row, site in enumerate(sites)}
