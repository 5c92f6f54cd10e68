"""The precision of training: bfloat16, which CPUs without it emulate some 40 times slower than float32, or float32."""

import sys

import torch

from ..artifacts.recipe import MIXED


def has_bf16() -> bool:
    """Return whether the first GPU or, without a GPU, the CPU has arithmetic in bfloat16."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return cpu_has_bf16()


def cpu_has_bf16() -> bool:
    """Return whether the CPU has arithmetic in bfloat16."""
    try:
        return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
    except AttributeError:  # a torch without oneDNN
        return False


def precision_here(precision: str) -> str:
    """Return the precision to train in on this machine; print a line if it is not the recipe's `precision`."""
    if precision == MIXED and not has_bf16():
        print("this machine has no arithmetic in bf16: training in float32", file=sys.stderr, flush=True)
        return "32-true"
    return precision
