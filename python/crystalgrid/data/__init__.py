"""Crystals in and out: file formats, Parquet, splits, and the cubes that are cut from crystals."""
