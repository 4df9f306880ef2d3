from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from errors import Code, TesseraError
from models.peeling.pedigree import FEMALE, MALE, Pedigree, check_against_samples, read_pedigree, x_linked


def pedigree(tmp_path: Path, text: str, name: str = "cows.csv") -> Pedigree:
    path = tmp_path / name
    path.write_bytes(text.encode())
    return read_pedigree(path)


def parents(ped: Pedigree) -> dict[str, tuple[str | None, str | None]]:
    def name(row: int) -> str | None:
        return None if row < 0 else ped.ids[row]

    return {animal: (name(s), name(d)) for animal, s, d in zip(ped.ids, ped.sire, ped.dam, strict=True)}


FAMILY = {"kid": ("pa", "ma"), "pa": (None, None), "ma": (None, None)}

LAYOUTS = {
    "three columns, comma": "kid,pa,ma\npa,0,0\nma,0,0\n",
    "empty parents": "kid,pa,ma\npa,,\nma,,\n",
    "empty parents by tab": "kid\tpa\tma\npa\t\t\nma\t\t\n",
    "blanks": "kid  pa ma\npa 0  0\nma 0 0",
    "header": "id,sire,dam\nkid,pa,ma\npa,0,0\nma,0,0\n",
    "header in another order": "Dam,Animal,Sire\nma,kid,pa\n0,pa,0\n0,ma,0\n",
    "CRLF, byte order mark, blank lines": "\ufeffid,sire,dam\r\n\r\nkid,pa,ma\r\npa,0,0\r\nma,0,0\r\n",
    "fam": "F kid pa ma 1 -9\nF pa 0 0 1 -9\nF ma 0 0 2 -9\n",
    "ped with genotypes": "F kid pa ma 0 0 A A\nF pa 0 0 1 0 A C\nF ma 0 0 2 0 C C\n",
    "header behind a hash": "#FID IID PAT MAT SEX PHENO\nF kid pa ma 0 0\nF pa 0 0 1 0\nF ma 0 0 2 0\n",
    "header of the 1000 Genomes pedigree": "Family ID\tIndividual ID\tPaternal ID\tMaternal ID\tGender\tPhenotype\tX\n"
    "F\tkid\tpa\tma\t1\t0\t\nF\tpa\t0\t0\t1\t0\t\nF\tma\t0\t0\t2\t0\t\n",
    "comment before the data": "# our herd\nkid,pa,ma\npa,0,0\nma,0,0\n",
    "parents without a line": "kid,pa,ma\n",
    "quoted": '"kid","pa","ma"\n"pa","0","0"\n"ma","0","0"\n',
}


@pytest.mark.parametrize("text", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layouts_say_the_same(tmp_path: Path, text: str) -> None:
    ped = pedigree(tmp_path, text)
    assert parents(ped) == FAMILY
    assert dict(zip(ped.ids, ped.sex, strict=True))["pa"] == MALE
    assert dict(zip(ped.ids, ped.sex, strict=True))["ma"] == FEMALE


def test_parents_come_before_their_offspring(tmp_path: Path) -> None:
    generations = [f"a{n},a{n + 1},0" for n in range(3000)]
    ped = pedigree(tmp_path, "\n".join(generations))
    rank = np.empty(len(ped), int)
    rank[ped.order] = np.arange(len(ped))
    known = ped.sire >= 0
    assert sorted(ped.order.tolist()) == list(range(3001))
    assert np.all(rank[ped.sire[known]] < rank[known])


def test_line_of_implied_founders_is_zero(tmp_path: Path) -> None:
    ped = pedigree(tmp_path, "kid,pa,ma\n")
    assert ped.line.tolist() == [1, 0, 0]


BROKEN = {
    "nothing": ("", Code.pedigree_invalid, 0, None),
    "only a header": ("id,sire,dam\n", Code.pedigree_invalid, 1, None),
    "four columns": ("a,b,c,d\n", Code.pedigree_invalid, 1, "a"),
    "a short line": ("kid,pa,ma\npa,0\n", Code.pedigree_invalid, 2, "pa"),
    "no id": ("kid,pa,ma\n0,pa,ma\n", Code.pedigree_invalid, 2, None),
    "listed twice": ("kid,pa,ma\npa,0,0\nkid,pa,0\n", Code.pedigree_invalid, 3, "kid"),
    "own parent": ("pa,0,0\nkid,kid,0\n", Code.pedigree_loop, 2, "kid"),
    "long loop": ("x,a,0\na,b,0\nb,0,c\nc,a,0\n", Code.pedigree_loop, 2, "a"),
    "female sire": ("F kid pa ma 0 0\nF pa 0 0 2 0\n", Code.pedigree_sex, 1, "pa"),
    "male dam": ("F kid pa ma 0 0\nF ma 0 0 1 0\n", Code.pedigree_sex, 1, "ma"),
    "sire and dam": ("a,x,y\nb,y,x\n", Code.pedigree_sex, 1, "y"),
    "selfing with sexes": ("F a x x 1 0\nF x 0 0 0 0\n", Code.pedigree_sex, 1, "x"),
}


@pytest.mark.parametrize(("text", "code", "line", "animal"), BROKEN.values(), ids=BROKEN.keys())
def test_broken_files_name_line_and_animal(
    tmp_path: Path, text: str, code: Code, line: int, animal: str | None
) -> None:
    with pytest.raises(TesseraError) as caught:
        pedigree(tmp_path, text)
    assert caught.value.code is code
    assert caught.value.field == "pedigree"
    assert (caught.value.details["line"], caught.value.details["animal"]) == (line, animal)


def test_loop_lists_its_members(tmp_path: Path) -> None:
    with pytest.raises(TesseraError) as caught:
        pedigree(tmp_path, BROKEN["long loop"][0])
    assert caught.value.details["animals"] == ["a", "b", "c"]
    assert caught.value.details["lines"] == [2, 3, 4]


def test_binary_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.fam"
    path.write_bytes(b"\x1f\x8b\x08\x04\xff\xfe\x00")
    with pytest.raises(TesseraError) as caught:
        read_pedigree(path)
    assert caught.value.code is Code.pedigree_invalid


def test_plants_may_be_sire_and_dam_when_the_file_holds_a_selfing(tmp_path: Path) -> None:
    ped = pedigree(tmp_path, "a,x,x\nb,x,y\nc,y,x\n")
    assert ped.hermaphrodite
    assert parents(ped)["a"] == ("x", "x")


def test_samples_are_found_by_id(tmp_path: Path) -> None:
    ped = pedigree(tmp_path, "kid,pa,ma\n")
    assert check_against_samples(ped, ["ma", "stranger", "kid"]).tolist() == [2, -1, 0]


def test_samples_are_found_by_family_and_id(tmp_path: Path) -> None:
    ped = pedigree(tmp_path, "F kid pa ma 1 0\n")
    assert check_against_samples(ped, ["F_pa", "F_kid"]).tolist() == [1, 0]


def test_unknown_samples_are_refused(tmp_path: Path) -> None:
    ped = pedigree(tmp_path, "id,sire,dam\nkid,pa,ma\n")
    with pytest.raises(TesseraError) as caught:
        check_against_samples(ped, ["nobody"])
    assert caught.value.code is Code.pedigree_unknown_ids
    assert caught.value.details == {"line": 2, "animal": "kid", "sample": "nobody"}


@pytest.mark.parametrize(
    "text",
    [
        "id,sire,dam,dh\nline,f1,f1,1\nf1,a,b,0\na,0,0,\nb,0,0,no\n",
        "id,sire,dam,doubled_haploid\nline,,f1,yes\nf1,a,b,0\n",
    ],
)
def test_a_doubled_haploid_has_one_parent(tmp_path: Path, text: str) -> None:
    ped = pedigree(tmp_path, text)
    assert parents(ped)["line"] == (None, "f1")
    assert [name for name, one in zip(ped.ids, ped.doubled, strict=True) if one] == ["line"]
    assert ped.hermaphrodite


def test_doubled_haploids_may_be_listed_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "p"
    path.write_text("line f1 0\nf1 a b\n")
    ped = read_pedigree(path, ["line", "a"])
    assert parents(ped)["line"] == ("f1", None)
    assert [name for name, one in zip(ped.ids, ped.doubled, strict=True) if one] == ["line", "a"]
    with pytest.raises(TesseraError, match="nobody") as error:
        read_pedigree(path, ["nobody"])
    assert error.value.code is Code.pedigree_unknown_ids


@pytest.mark.parametrize("text", ["id,sire,dam,dh\nline,a,b,1\n", "id,sire,dam,dh\nline,a,,maybe\n"])
def test_a_doubled_haploid_that_is_none_is_named(tmp_path: Path, text: str) -> None:
    with pytest.raises(TesseraError, match="line") as error:
        pedigree(tmp_path, text)
    assert (error.value.code, error.value.details["line"]) == (Code.pedigree_invalid, 2)


def test_on_x_sires_give_their_sons_nothing(tmp_path: Path) -> None:
    ped = pedigree(tmp_path, "F son pa ma 1 0\nF girl pa ma 2 0\nF pa 0 0 1 0\nF ma 0 0 2 0\n")
    x, single = x_linked(ped, ped.sex == MALE)
    assert parents(x) == {"son": (None, "ma"), "girl": ("pa", "ma"), "pa": (None, None), "ma": (None, None)}
    assert single.tolist() == [True, False, True, False]
