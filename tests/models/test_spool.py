"""Results that wait to be given out by site."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from models.haplotypes.spool import Spool


@pytest.mark.parametrize("on_disk", [False, True])
def test_what_threads_put_by_people_comes_back_by_sites(on_disk: bool) -> None:
    whole = np.random.default_rng(1).integers(0, 1 << 16, (53, 97, 2)).astype(np.uint16)
    with Spool(97, 53, 20, on_disk=on_disk) as spool, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda first: spool.put(first, whole[first : first + 10]), range(0, 53, 10)))
        blocks = [spool.get(start) for start in range(0, 97, 20)]
    assert [block.shape[1] for block in blocks] == [20, 20, 20, 20, 17]
    assert np.array_equal(np.concatenate(blocks, axis=1), whole)
    assert all(block.flags.c_contiguous for block in blocks)


def test_a_block_that_was_never_put_is_an_error() -> None:
    with Spool(10, 4, 5, on_disk=True) as spool:
        spool.put(0, np.zeros((1, 10, 2), np.uint16))
        with pytest.raises(EOFError):
            spool.get(5)
