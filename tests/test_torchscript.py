"""Exported TorchScript can be read by older versions of torch: it names no operator that they lack."""

import io
import re
import zipfile

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from crystalgrid.artifacts.exported import script_network
from crystalgrid.artifacts.recipe import load_recipe
from crystalgrid.artifacts.released import load_released, released_models
from crystalgrid.nets.layers import Upsample

IN_TORCH_2_6 = set(
    """
    __and__ __contains__ __derive_index __is__ __isnot__ __not__ __or__ __range_length __rshift__ __xor__ _set_item
    abs add add_ all amax amin any append arange argmax argmin argsort asinh atan2 bincount bitwise_not cartesian_prod
    cat cdist chunk clamp clamp_max clamp_min clamp_min_ clone complex contiguous conv3d copy_ cos cummax cumsum
    diag_embed diagonal div dropout dropout_ einsum embedding eq erf erfinv exp expand expand_as expm1 eye fft_irfftn
    fft_rfftn flatten floor floor_divide floordiv format full full_like gather gcd ge gelu gt index index_copy
    index_put_ index_select isinf items join layer_norm le leaky_relu leaky_relu_ len linalg_cross linalg_det linalg_inv
    linalg_inv_ex linalg_solve_ex linear log log1p log_softmax lt mT masked_fill matmul max max_pool3d maximum mean min
    minimum movedim mul mul_ ne neg new_zeros nonzero norm numpy_T one_hot ones ones_like pad permute pop pow prod
    reciprocal relu remainder repeat repeat_interleave reshape roll round rsqrt scaled_dot_product_attention scatter_
    searchsorted select sigmoid silu silu_ sin size slice softmax sort split sqrt square squeeze stack sub sum tensor to
    topk transpose tril unbind unflatten unsqueeze upsample_trilinear3d view view_as_real where zeros zeros_like
    """.split()
)
"""Operators that exported files name, each of which torch 2.6 has.

Look for a further one in the folder include/ATen/ops of torch 2.6 before it is added here: there is a header of its
name, less a last underscore. Names such as `append` are TorchScript's own.
"""


def operators(network: nn.Module) -> set[str]:
    """Return the names of the operators in the code of a scripted network."""
    with zipfile.ZipFile(io.BytesIO(script_network(network.eval()))) as archive:
        code = "\n".join(archive.read(name).decode() for name in archive.namelist() if name.endswith(".py"))
    return set(re.findall(r"\b(?:torch|ops\.\w+)\.(\w+)\(", code)) - {"dtype", "device", "RaiseException"}


def test_operators_of_code_are_found() -> None:
    assert operators(Upsample()) == {"upsample_trilinear3d"}
    assert "_upsample_lanczos2d_aa" not in IN_TORCH_2_6
    assert operators(nn.Upsample(scale_factor=2.0, mode="trilinear")) > {"upsample_trilinear3d", "upsample_bicubic2d"}


@pytest.mark.parametrize("name", released_models())
def test_a_released_model_names_operators_of_torch_2_6_alone(name: str) -> None:
    network, _ = load_released(released_models()[name])
    assert operators(network) - IN_TORCH_2_6 == set()


@pytest.mark.parametrize("name", ["paper", "modern", "periodic", "atomic", "tiny"])
def test_a_recipe_names_operators_of_torch_2_6_alone(name: str) -> None:
    assert operators(load_recipe(name).build()) - IN_TORCH_2_6 == set()


@pytest.mark.parametrize("sizes", [(1, 2, 3, 4, 5), (2, 1, 8, 8, 8)])
def test_upsampling_is_that_of_torch_bit_by_bit(sizes: tuple[int, ...]) -> None:
    features = torch.rand(sizes, generator=torch.Generator().manual_seed(0)).requires_grad_()
    expected = F.interpolate(features, scale_factor=2.0, mode="trilinear")
    got = Upsample()(features)
    assert torch.equal(got, expected)
    (gradient,) = torch.autograd.grad(got.square().sum(), features)
    assert torch.equal(gradient, torch.autograd.grad(expected.square().sum(), features)[0])
