from pathlib import Path

import pytest

from errors import Code, TesseraError
from models.dae.published.params import Params, read_params

GOOD = "n_layers = 4\nsize_ratio = 1.0\nactivation = 'tanh'\n"


def read(folder: Path, text: str, sites: int = 10) -> Params:
    path = folder / "m_param.py"
    path.write_text(text)
    return read_params(path, sites)


def test_nodes_follow_the_sites_where_old_files_do_not_say(tmp_path: Path) -> None:
    params = read(tmp_path, GOOD)
    assert (params.n_layers, params.size_ratio, params.activation, params.nodes) == (4, 1.0, "tanh", 20)
    assert params.last_epoch is None


def test_of_a_resumed_training_the_last_value_counts(tmp_path: Path) -> None:
    again = "n_layers = 8\nsize_ratio = 0.7\nactivation = 'relu'\nni = 20\nno = 20\n"
    params = read(tmp_path, f"{GOOD}early_stop = 0\nlast_epoch = 500\navg_loss = 9.5\n{again}last_epoch = 1000\n")
    assert params == Params(8, 0.7, "relu", 20, 1000, 9.5)


@pytest.mark.parametrize(
    "line",
    [
        "__import__('pathlib').Path('{mark}').touch()",
        "n_layers = __import__('pathlib').Path('{mark}').touch() or 4",
        "n_layers = [__import__('pathlib').Path('{mark}').touch() for _ in 'x']",
        "import os",
        "from os import system",
        "n_layers = 4; exec(\"open('{mark}', 'w')\")",
        'activation = f\'{{open("{mark}", "w")}}\'',
        "def f(): pass",
        "if True:\n    n_layers = 4",
        "n_layers: int = 4",
        "n_layers += 4",
        "ni = no = 20",
        "n_layers, size_ratio = 4, 1.0",
        "n_layers.x = 4",
        "n_layers[0] = 4",
        "(n_layers := 4)",
        "__builtins__ = 4",
        "batch_norm = True",
        "ni = n_layers",
        "ni = 2 * 10",
        "'''text'''",
        "n_layers =",
        "n_layers = " + "(" * 5000,
        "n_layers = 0x" + "f" * 5000,
        "avg_loss = {{[]: 1}}",
        "\0",
    ],
)
def test_anything_but_plain_assignments_is_refused_and_not_executed(tmp_path: Path, line: str) -> None:
    mark = tmp_path / "executed"
    with pytest.raises(TesseraError) as error:
        read(tmp_path, GOOD + line.replace("{mark}", str(mark)).replace("{{", "{").replace("}}", "}") + "\n")
    assert error.value.code is Code.import_invalid
    assert not mark.exists()


@pytest.mark.parametrize(
    "line",
    [
        "n_layers = 1",
        "n_layers = True",
        "n_layers = 4.0",
        "n_layers = 1000",
        "size_ratio = 0",
        "size_ratio = 1.5",
        "size_ratio = '1'",
        "size_ratio = 0.01",  # 20 nodes shrink to none
        "activation = 'gelu'",
        "activation = ['relu']",
        "ni = 22",
        "no = 18",
        "ni = '20'",
    ],
)
def test_impossible_values_are_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(TesseraError) as error:
        read(tmp_path, GOOD + line)
    assert error.value.code is Code.import_invalid


@pytest.mark.parametrize("lacking", [0, 1, 2])
def test_a_network_without_its_settings_is_refused(tmp_path: Path, lacking: int) -> None:
    lines = GOOD.splitlines()
    with pytest.raises(TesseraError, match="lacks"):
        read(tmp_path, "\n".join(lines[:lacking] + lines[lacking + 1 :]))
