"""Results that wait to be given out by site."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from models.haplotypes.spool import Spool


@pytest.mark.parametrize("on_disk", [False, True])
def test_what_threads_put_by_people_comes_back_by_sites(on_disk: bool) -> None:
    rng = np.random.default_rng(1)
    whole = rng.integers(0, 1 << 16, (53, 97, 2)).astype(np.uint16) * (rng.random((53, 97, 1)) < 0.4)
    with Spool(97, 53, 20, on_disk=on_disk) as spool, ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda first: spool.put(first, whole[first : first + 10]), range(0, 53, 10)))
        blocks = [spool.get(start) for start in range(0, 97, 20)]
    assert [block.sites for block in blocks] == [20, 20, 20, 20, 17]
    assert np.array_equal(np.concatenate([block.dense() for block in blocks], axis=1), whole)


@pytest.mark.parametrize("on_disk", [False, True])
def test_people_who_were_never_put_are_an_error(on_disk: bool) -> None:
    with Spool(10, 4, 5, on_disk=on_disk) as spool:
        spool.put(0, np.zeros((1, 10, 2), np.uint16))
        with pytest.raises(EOFError):
            spool.get(5)
