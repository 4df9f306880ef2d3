"""Bundles and engines stay open between chunks, within a bound of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from errors import Code, TesseraError
from models.protocol import Imputer
from tests.support.fake_engine import FakeBundle
from tests.support.uploads import make_bundle
from worker import bundles
from worker.bundles import BundleCache, load_engine
from worker.pipeline.types import BundleView


class CountingEngine:
    """The fake engine, counting what is opened."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.made: list[str] = []

    def open_bundle(self, path: Path) -> FakeBundle:
        self.opened.append(path.name)
        return make_bundle()

    def make_imputer(self, bundle: FakeBundle, chromosome: str, *, device: str, threads: int) -> Imputer:
        assert (device, threads) == ("cpu", 2)
        self.made.append(chromosome)
        return bundle.imputer(chromosome)


def make_cache(engine: CountingEngine, max_bytes: int = 100, max_bundles: int = 2) -> BundleCache:
    return BundleCache(Path, engine, device="cpu", threads=2, max_bytes=max_bytes, max_bundles=max_bundles)


def test_opened_once_until_others_push_it_out() -> None:
    engine = CountingEngine()
    cache = make_cache(engine)
    assert cache.bundle("a") is cache.bundle("a")
    for name in ("b", "a", "c", "a", "b"):
        cache.bundle(name)
    assert engine.opened == ["a", "b", "c", "b"]


@pytest.mark.parametrize(("max_bytes", "made"), [(80, ["20", "X"]), (79, ["20", "X", "20"]), (1, ["20", "X", "20"])])
def test_imputers_are_bounded_by_the_size_of_their_weights(
    monkeypatch: pytest.MonkeyPatch, max_bytes: int, made: list[str]
) -> None:
    def forty(bundle: BundleView, chromosome: str) -> int:
        return 40

    monkeypatch.setattr(bundles, "_weight", forty)
    engine = CountingEngine()
    cache = make_cache(engine, max_bytes)
    first = cache.imputer("a", "20")
    assert cache.imputer("a", "20") is first
    cache.imputer("a", "X")
    cache.imputer("a", "20")
    assert engine.made == made


def test_engine_is_a_module_named_by_the_settings() -> None:
    assert load_engine("tests.support.slow_engine").open_bundle(Path("any")).chromosomes == ["20", "X"]
    with pytest.raises(TesseraError) as caught:
        load_engine("no.such.module")
    assert caught.value.code is Code.setup_invalid
