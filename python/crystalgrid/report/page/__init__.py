"""The page that shows crystals: a table, turning pictures, distributions and phase diagrams in one file of HTML."""
