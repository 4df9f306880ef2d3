import pytest

from cli.words import duration, size


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.44, "0.4 s"), (12.3, "12 s"), (125, "2 min 5 s"), (59.9, "60 s"), (11520, "3 h 12 min")]
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words


@pytest.mark.parametrize(("count", "words"), [(312, "312 B"), (4100, "4.1 kB"), (2e9, "2.0 GB"), (5e12, "5.0 TB")])
def test_sizes(count: float, words: str) -> None:
    assert size(count) == words
