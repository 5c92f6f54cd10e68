"""The generators, from noise to latent vectors or to unit cells. A new kind is one file and one line."""

from .base import Generator
from .cell_flow import CellFlow
from .latent_flow import LatentFlow

GENERATORS: dict[str, type[Generator]] = {"latent": LatentFlow, "cells": CellFlow}
"""The kinds of generators by name: flows of latent vectors, for any autoencoder, or of unit cells that it encodes."""
