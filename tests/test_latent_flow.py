"""The flow over latent vectors: it learns a distribution, and can be scripted."""

import pytest
import torch

import crystalgrid as cg
from artifacts import fitted_tiny
from crystalgrid.latents import latents
from crystalgrid.nets.generators.latent_flow import LatentFlow


def two_sheets(count: int) -> torch.Tensor:
    """Return points [count, 4] on two thin sheets far from the origin, which N(0, 1) misses."""
    z = 0.05 * torch.randn(count, 4)
    z[:, 0] += 3 * torch.randint(0, 2, (count,)) - 5.0
    z[:, 1] = torch.sin(2 * z[:, 2].mul_(20)) + z[:, 1]
    return z


def test_a_flow_learns_where_examples_lie() -> None:
    torch.manual_seed(0)
    flow = LatentFlow(4, (64, 64, 64))
    flow.fit(two_sheets(4096))
    optimizer = torch.optim.Adam(flow.parameters(), 3e-3)
    for step in range(800):
        optimizer.param_groups[0]["lr"] = 3e-3 * (1 - step / 800)
        optimizer.zero_grad()
        flow.loss(two_sheets(512), torch.randn(512, 4), torch.rand(512)).backward()
        optimizer.step()
    with torch.no_grad():
        drawn = flow(torch.randn(2000, 4))
    sheet = (drawn[:, 0] > -3.5).float()
    assert 0.42 < sheet.mean() < 0.58
    assert ((drawn[:, 0] + 5 - 3 * sheet).abs() < 0.3).float().mean() > 0.97
    assert ((drawn[:, 1] - torch.sin(2 * drawn[:, 2])).abs() < 0.4).float().mean() > 0.9
    assert drawn[:, 2].std() == pytest.approx(1, abs=0.15)


def test_the_scripted_flow_is_the_flow(prototypes) -> None:
    network = fitted_tiny(cg.voxelize([prototypes[0]]).expand(8, -1, -1, -1)).eval()
    network.generator = LatentFlow(300, (16, 16))
    noise = latents(0, 0, 3, 300)
    torch.testing.assert_close(torch.jit.script(network).prior(noise), network.prior(noise))
