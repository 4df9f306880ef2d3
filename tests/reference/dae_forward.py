"""The tile network's forward pass written out in float64 numpy, bin by bin and sample by sample."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from models.dae.network import NetworkOptions

State = dict[str, NDArray[np.float64]]


def gelu(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.array([0.5 * v * (1 + math.erf(v / math.sqrt(2))) for v in x.ravel()]).reshape(x.shape)


def layer_norm(x: NDArray[np.float64], weight: NDArray[np.float64], bias: NDArray[np.float64]) -> NDArray[np.float64]:
    return (x - x.mean()) / np.sqrt(x.var() + 1e-5) * weight + bias


def forward(o: NetworkOptions, state: State, dosages: NDArray[np.int8]) -> NDArray[np.float64]:
    """(I,) dosages of one person, -1 hidden -> (V, 2) probabilities of presence of REF and of ALT."""
    pairs = {-1: (0, 0), 0: (1, 0), 1: (1, 1), 2: (0, 1)}
    features = []
    for b in range(o.bins):
        x = np.zeros(2 * o.bin_sites)
        for k, dosage in enumerate(dosages[b * o.bin_sites : (b + 1) * o.bin_sites]):
            x[2 * k], x[2 * k + 1] = pairs[int(dosage)]
        features.append(gelu(x @ state["embed"][b] + state["embed_bias"][b]))
    x = np.concatenate(features) @ state["enter.weight"].T + state["enter.bias"]
    x = gelu(layer_norm(x, state["enter_norm.weight"], state["enter_norm.bias"]))
    for k in range(o.layers):
        y = layer_norm(x, state[f"norms.{k}.weight"], state[f"norms.{k}.bias"])
        x = x + gelu(state[f"trunk.{k}.weight"] @ y + state[f"trunk.{k}.bias"])
    latents = gelu(state["latents.weight"] @ x + state["latents.bias"])
    logits = []
    for k in range(len(o.blocks)):
        z = latents[k * o.latent : (k + 1) * o.latent]
        logits.append((state[f"decoders.{k}.weight"] @ z + state[f"decoders.{k}.bias"]).reshape(-1, 2))
    return 1 / (1 + np.exp(-np.concatenate(logits)))
