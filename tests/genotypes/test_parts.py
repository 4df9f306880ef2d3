import pytest

from errors import Code, TesseraError
from genotypes.parts import group_files
from genotypes.sniff import FileKind

KINDS = {kind.value: kind for kind in FileKind}


def group(*names):
    def kind(name):
        plain = name.removesuffix(".gz").removesuffix(".zst")
        return KINDS["array_text"] if plain.endswith(".txt") else KINDS[plain.rsplit(".", 1)[-1]]

    return [
        (source.kind.value, [names[number] for number in source.files])
        for source in group_files(names, [kind(name) for name in names])
    ]


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["a.vcf", "b.bcf"], [("vcf", ["a.vcf"]), ("bcf", ["b.bcf"])]),
        (["x.fam", "x.bed", "x.bim"], [("bed", ["x.bed", "x.bim", "x.fam"])]),
        (["x.bim", "y.bed", "z.fam"], [("bed", ["y.bed", "x.bim", "z.fam"])]),
        (
            ["c1.bed", "c2.bed", "c2.bim", "c1.bim", "all.fam"],
            [("bed", ["c1.bed", "c1.bim", "all.fam"]), ("bed", ["c2.bed", "c2.bim", "all.fam"])],
        ),
        (["x.psam", "x.pvar.zst", "x.pgen"], [("pgen", ["x.pgen", "x.pvar.zst", "x.psam"])]),
        (["x.bed.gz", "x.bim.gz", "x.fam"], [("bed", ["x.bed.gz", "x.bim.gz", "x.fam"])]),
        (["x.bgen", "c2.bgen"], [("bgen", ["x.bgen"]), ("bgen", ["c2.bgen"])]),
        (
            ["all.sample", "c1.bgen", "c2.bgen"],
            [("bgen", ["c1.bgen", "all.sample"]), ("bgen", ["c2.bgen", "all.sample"])],
        ),
        (["b.txt", "a.vcf", "a.txt"], [("array_text", ["b.txt", "a.txt"]), ("vcf", ["a.vcf"])]),
    ],
)
def test_files_find_each_other(names, expected):
    assert group(*names) == expected


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["x.bed", "x.bim"], r"'x.bed' came without 'x.fam'"),
        (["x.bed", "x.fam"], r"'x.bed' came without 'x.bim'"),
        (["x.bim", "x.fam"], r"'x.bim' came without 'x.bed'"),
        (["a.vcf", "x.fam"], r"'x.fam' came without 'x.bed'; a pedigree goes in 'pedigree'"),
        (["x.pgen", "x.psam"], r"'x.pgen' came without 'x.pvar'"),
        (["x.pgen", "x.pvar", "x.fam"], r"'x.pgen' came without 'x.psam'"),
        (["x.sample", "a.vcf"], r"'x.sample' came without 'x.bgen'"),
        (["a.bgen", "b.bgen", "a.sample", "c.sample"], r"'b.bgen' came without 'b.sample'"),
        (["a.bed", "b.bed", "a.bim", "a.fam", "b.fam"], r"'b.bed' came without 'b.bim'"),
    ],
)
def test_a_missing_sibling_is_named(names, words):
    with pytest.raises(TesseraError, match=words) as caught:
        group(*names)
    assert caught.value.code is Code.missing_part
