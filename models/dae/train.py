"""Train a bundle from a phased panel: every tile that nobody else trains, until all are finished."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import torch

from errors import Code, TesseraError
from genotypes.manifest import BundleManifest
from models.dae.architecture import TileModel
from models.dae.finish import write_bundle
from models.dae.fit import TrainingStopped, fit_tile, steps_done
from models.dae.plan import Plan, TrainOptions, make_plan, new_network, objective_of, sampler_of
from models.dae.quantise import pack, unpack
from models.dae.work import WorkFolder
from models.protocol import Tile

Progress = Callable[[Tile, int, float], None]
"""Called with a tile, its step and its loss."""
Stop = Callable[[], bool]
_LOOK_S = 1.0


def open_work(plan: Plan, o: TrainOptions) -> WorkFolder:
    """The work folder, checked to be of this plan.

    Raises:
        TesseraError: `setup_invalid` when it holds checkpoints of another.
    """
    work = WorkFolder(o.work_folder)
    work.agree("plan.json", plan.fingerprint(o))
    return work


def unfinished(plan: Plan, o: TrainOptions, work: WorkFolder) -> list[Tile]:
    """Tiles whose checkpoint has not reached the last step."""
    return [tile for tile in plan.tiles if steps_done(work.checkpoint(tile.index)) < o.fit.steps]


def train_tile(
    plan: Plan, tile: Tile, o: TrainOptions, work: WorkFolder, progress: Progress, stop: Stop = lambda: False
) -> None:
    """Train one tile, or go on with it; the caller holds its claim.

    Raises:
        TrainingStopped: `stop` said so.
    """

    def tell(step: int, loss: float) -> None:
        work.report(tile.index, step, o.fit.steps, loss)
        progress(tile, step, loss)

    net = new_network(plan, tile, o)
    objective = objective_of(plan, tile, net, o)
    checkpoint = work.checkpoint(tile.index)
    try:
        fit_tile(
            net, o.fit, sampler_of(plan, tile, o), objective, checkpoint, device=o.device, progress=tell, stop=stop
        )
    except TrainingStopped:
        raise
    except Exception as error:
        work.fail(tile.index, f"{type(error).__name__}: {error}")
        raise


def train_next(plan: Plan, o: TrainOptions, work: WorkFolder, progress: Progress, stop: Stop = lambda: False) -> bool:
    """Train the first tile that is neither finished nor somebody else's; False when there is none."""
    for tile in unfinished(plan, o, work):
        with work.claim(tile.index) as mine:
            if mine and steps_done(work.checkpoint(tile.index)) < o.fit.steps:
                train_tile(plan, tile, o, work, progress, stop)
                return True
    return False


def train_tiles(plan: Plan, o: TrainOptions, work: WorkFolder, progress: Progress) -> None:
    """Train until every tile is finished, by this process or by others that share the folder."""
    while unfinished(plan, o, work):
        if not train_next(plan, o, work, progress):
            time.sleep(_LOOK_S)


def train_some(plan: Plan, o: TrainOptions, work: WorkFolder, wanted: Iterable[int], progress: Progress) -> None:
    """Train the named tiles and no others.

    Raises:
        TesseraError: `setup_invalid` when there is no such tile, or another process trains it.
    """
    for index in wanted:
        if not 0 <= index < len(plan.tiles):
            last = len(plan.tiles) - 1
            raise TesseraError(Code.setup_invalid, f"There is no tile {index}; there are 0 to {last}.", field="tile")
        with work.claim(index) as mine:
            if not mine:
                raise TesseraError(Code.setup_invalid, f"Another process trains tile {index} now.", field="tile")
            train_tile(plan, plan.tiles[index], o, work, progress)


def trained_network(plan: Plan, tile: Tile, o: TrainOptions, work: WorkFolder) -> TileModel:
    """The network of a finished tile, its weights rounded as the bundle will hold them."""
    net = new_network(plan, tile, o)
    state = torch.load(work.checkpoint(tile.index), weights_only=True, map_location="cpu")["net"]
    net.load_state_dict(unpack(pack(state)))
    return net.eval()


def finish_bundle(plan: Plan, o: TrainOptions, work: WorkFolder) -> BundleManifest:
    """Write the bundle of finished tiles; of several processes that get here one writes and the others wait for it."""
    while True:
        with work.claim("bundle") as mine:
            if mine:
                if o.out.exists():
                    return BundleManifest.read(o.out)
                return write_bundle(plan, [trained_network(plan, tile, o, work) for tile in plan.tiles], o)
        time.sleep(_LOOK_S)


def refuse_existing(o: TrainOptions) -> None:
    """Raise `setup_invalid` when `o.out` exists."""
    if o.out.exists():
        raise TesseraError(Code.setup_invalid, f"{o.out} exists already; remove it or name another folder.")


def train_bundle(o: TrainOptions, progress: Progress, plan: Plan | None = None) -> BundleManifest:
    """Train every tile that has no finished checkpoint and write the bundle to `o.out`.

    Started with the same work folder on several machines or devices, the processes share the tiles.

    Args:
        o: options.
        progress: called with the tile, the step and the mean loss.
        plan: what `make_plan` made of the options, if it was called before.

    Returns:
        The manifest of the finished bundle.

    Raises:
        TesseraError: `setup_invalid` when `o.out` exists; what `make_plan` and `open_work` raise.
    """
    refuse_existing(o)
    plan = plan or make_plan(o)
    work = open_work(plan, o)
    train_tiles(plan, o, work, progress)
    return finish_bundle(plan, o, work)
