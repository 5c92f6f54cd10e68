"""Arithmetic in bfloat16, which CPUs without it emulate, some forty times slower than float32."""

import sys

import torch

from ..artifacts.recipe import MIXED


def has_bf16() -> bool:
    """Return whether the first GPU or, where there is none, the CPU has arithmetic in bfloat16."""
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
    """Return the precision that a recipe's `precision` becomes on this machine; print where that is another."""
    if precision == MIXED and not has_bf16():
        print("this machine has no arithmetic in bf16: training in float32", file=sys.stderr, flush=True)
        return "32-true"
    return precision
