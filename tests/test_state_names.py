"""Names of weights: those in files stay, whatever the attributes of the networks are called."""

import pytest
from safetensors import safe_open

from crystalgrid.artifacts.released import WEIGHTS, load_released, released_models
from crystalgrid.artifacts.state_names import names_in_files


@pytest.mark.parametrize("name", ["mp10a-repeated", "mp10a-single", "perov5-repeated", "perov5-single"])
def test_names_in_files_are_those_of_released_weights(name):
    folder = released_models()[name]
    names = names_in_files(load_released(folder)[0])
    assert len({*names.values()}) == len(names)
    with safe_open(folder / WEIGHTS, "pt") as file:
        assert {*names.values()} == {*file.keys()}
