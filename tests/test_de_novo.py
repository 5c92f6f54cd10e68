"""Coverage, as CDVAE counts it."""

import numpy as np

from de_novo import Scale, covered


def test_partners_in_structure_and_composition_need_not_be_the_same() -> None:
    structure = np.array([[0.1, 0.3], [0.3, 0.3]])  # of two draws, the rows, to two test crystals
    composition = np.array([[5.0, 3.0], [3.0, 5.0]])
    distances = structure, composition
    assert covered(distances, 0).tolist() == [True, False]
    assert covered(distances, 1).tolist() == [True, False]


def test_features_that_do_not_vary_are_not_divided_by_zero() -> None:
    scaled = Scale(np.array([[1.0, 5.0], [3.0, 5.0]]))(np.array([[3.0, 5.5]]))
    assert scaled.tolist() == [[1.0, 0.5]]
