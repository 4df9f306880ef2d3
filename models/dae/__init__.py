"""Tile denoising autoencoders: network, training, bundle and inference."""
