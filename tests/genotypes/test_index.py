from genotypes.index import index_vcf
from tests.support.vcf import write_vcf


def test_a_long_contig_gets_a_csi(tmp_path):
    path = write_vcf(tmp_path / "x.vcf.gz", "1", [5], ["A"], ["C"], [["0/1"]], ["a"], contigs={"1": 700_000_000})
    assert index_vcf(path).name == "x.vcf.gz.csi"
    assert path.exists()


def test_usual_contigs_get_a_tbi_and_an_old_index_is_replaced(tmp_path):
    path = write_vcf(tmp_path / "x.vcf.gz", "1", [5], ["A"], ["C"], [["0/1"]], ["a"], contigs={"1": 249250621})
    (tmp_path / "x.vcf.gz.tbi").write_bytes(b"old")
    assert index_vcf(path).read_bytes() != b"old"


def test_bcf_gets_a_csi(tmp_path):
    path = write_vcf(tmp_path / "x.bcf", "1", [5], ["A"], ["C"], [["0/1"]], ["a"], contigs={"1": 249250621})
    assert index_vcf(path).name == "x.bcf.csi"
    assert index_vcf(path).exists()
