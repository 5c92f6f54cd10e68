"""Crystals from databases and from files of other projects, each into the same Parquet file."""
