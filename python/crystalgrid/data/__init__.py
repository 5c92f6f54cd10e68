"""Crystals in files, databases and memory, and the cubes that are cut from them.

`sources` finds files, `formats` opens and parses each kind of file, `reader` reads them all, `filters` leaves some out
(`results` says why), `split` divides the rest into train, val and test; `load_crystals` and `pack_crystals` do it all.
`crystalset` holds crystals in memory, `parquet` on disk, `prototypes` in the package. `cubes` cuts cubes from them.
"""
