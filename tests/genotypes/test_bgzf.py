import gzip

import numpy as np
import pysam
import pytest

from genotypes.bgzf import BLOCK_BYTES, EOF, BgzfWriter, compress, concatenate, ends_with_eof
from genotypes.sniff import is_bgzf


def random_bytes(n: int) -> bytes:
    return np.random.default_rng(n).integers(0, 256, n, dtype=np.uint8).tobytes()


@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 5_000_000])
@pytest.mark.parametrize("threads", [1, 3])
def test_what_goes_in_comes_out(tmp_path, size, threads):
    data = random_bytes(size)
    with BgzfWriter(tmp_path / "x.gz", threads=threads) as out:
        for at in range(0, size, 700_001):
            out.write(data[at : at + 700_001])
    assert gzip.decompress((tmp_path / "x.gz").read_bytes()) == data
    with pysam.BGZFile(str(tmp_path / "x.gz"), "rb") as file:
        assert file.read() == data
    assert ends_with_eof(tmp_path / "x.gz")


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_levels(level):
    text = b"0/0:0.001:0.999,0.001,0.000\t" * 10000
    packed = compress(text, level)
    assert gzip.decompress(packed) == text
    assert len(packed) < len(text) / 20
    assert is_bgzf(packed)


def test_arrays_and_a_reused_buffer(tmp_path):
    buffer = np.zeros((1000, 1000), np.int32)
    with BgzfWriter(tmp_path / "x.gz", threads=2) as out:
        for value in range(5):
            buffer[:] = value
            out.write(buffer)
    found = np.frombuffer(gzip.decompress((tmp_path / "x.gz").read_bytes()), np.int32).reshape(5, -1)
    assert (found == np.arange(5)[:, None]).all()


def test_pieces_concatenate(tmp_path):
    paths = []
    for number in range(3):
        paths.append(tmp_path / f"{number}.gz")
        with BgzfWriter(paths[-1], eof=False) as out:
            out.write(b"piece %d\n" % number)
    assert not ends_with_eof(paths[0])
    size = concatenate(paths, tmp_path / "all.gz")
    data = (tmp_path / "all.gz").read_bytes()
    assert len(data) == size
    assert gzip.decompress(data) == b"piece 0\npiece 1\npiece 2\n"
    assert data.endswith(EOF)
    assert data.count(EOF) == 1


def test_a_failed_writer_leaves_no_end(tmp_path):
    def write() -> None:
        with BgzfWriter(tmp_path / "x.gz", threads=2) as out:
            out.write(b"half")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        write()
    assert not ends_with_eof(tmp_path / "x.gz")
