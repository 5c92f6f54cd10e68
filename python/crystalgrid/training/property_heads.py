"""The fit of heads that predict a number from vectors: ridge regression, and perceptrons that are stopped early."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..nets.property_head import PropertyHead
from ..pool.threads import one_thread
from ..progress import progress
from .composition_reading import Readings, fit_readout

RIDGES = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
"""The weights of the penalty that are tried, over the number of examples."""
HIDDEN = (256, 128)
LEARNING_RATE, WEIGHT_DECAY, BATCH = 1e-3, 1e-3, 128
MOST_EPOCHS, PATIENCE = 200, 20
"""The perceptron stops when it has not become better for so many passes."""


class Examples(NamedTuple):
    """Vectors with the number of each."""

    x: Tensor
    """[B, size] float32."""
    y: Tensor
    """[B] float32."""


def mean_absolute_error(head: PropertyHead, examples: Examples) -> float:
    """Return the mean absolute error of a head, in the unit of the numbers."""
    with torch.no_grad():
        return float((head.eval()(examples.x) - examples.y).abs().mean())


@one_thread()
def fit_heads(
    learned: Examples, chosen_by: Examples, seed: int, readings: Readings | None = None
) -> dict[str, PropertyHead]:
    """Return the best ridge regression and the best perceptrons, whose errors `chosen_by` judges.

    readings: of latent vectors, for perceptrons that read the composition from them, too.
    """
    torch.manual_seed(seed)
    size = learned.x.shape[1]
    ridges = [_ridge(learned, weight) for weight in RIDGES]
    heads = {
        "ridge": min(ridges, key=lambda head: mean_absolute_error(head, chosen_by)),
        "mlp": fit_perceptrons(PropertyHead(size, HIDDEN), learned, chosen_by),
    }
    if readings is not None:
        head = PropertyHead(size, HIDDEN, readings.elements.shape[1])
        assert head.readout is not None
        head.standardize(*learned)
        fit_readout(head.readout, (readings.z - head.x_mean) / head.x_std, readings.elements, readings.shares)
        head.readout.requires_grad_(False)
        heads["readout"] = fit_perceptrons(head, learned, chosen_by)
    return heads


def _ridge(learned: Examples, weight: float) -> PropertyHead:
    head = PropertyHead(learned.x.shape[1])
    head.standardize(*learned)
    x = ((learned.x - head.x_mean) / head.x_std).double()
    y = ((learned.y - head.y_mean) / head.y_std).double()
    penalty = weight * len(x) * torch.eye(x.shape[1], dtype=torch.float64)
    with torch.no_grad():
        slope, intercept = head.members[0].parameters()
        slope.copy_(torch.linalg.solve(x.T @ x + penalty, x.T @ y)[None])
        intercept.zero_()
    return head


@one_thread()  # several threads gain little in networks so small, and wait for each other on a busy machine
def fit_perceptrons(head: PropertyHead, learned: Examples, chosen_by: Examples) -> PropertyHead:
    """Return a head whose perceptrons are fitted to examples until their error on others stops falling."""
    head.standardize(*learned)
    head.standardize_features(learned.x)
    with torch.no_grad():
        x, features = head.inputs(learned.x)
    target = ((learned.y - head.y_mean) / head.y_std).unsqueeze(1)
    trained = [parameter for parameter in head.parameters() if parameter.requires_grad]
    optimizer = torch.optim.AdamW(trained, LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    best, lowest, best_epoch = head.state_dict(), float("inf"), 0
    for epoch in progress(range(MOST_EPOCHS), "fitting perceptrons"):
        head.train()
        for rows in torch.randperm(len(learned.x)).split(BATCH):
            loss = (head.predicted(x[rows], features[rows]) - target[rows]).abs().sum(1).mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        error = mean_absolute_error(head, chosen_by)
        if error < lowest:
            lowest, best_epoch = error, epoch
            best = {name: value.clone() for name, value in head.state_dict().items()}
        elif epoch - best_epoch >= PATIENCE:
            break
    head.load_state_dict(best)
    return head.eval()
