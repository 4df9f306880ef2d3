"""Tile models in the published layout (Dias et al. 2022, eLife 11:e75600): read, checked, and turned into a bundle."""
