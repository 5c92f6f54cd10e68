"""Numbers that stand for structure types, crystals and formulas, by which known ones are found."""

import torch
from torch import Tensor, nn

from ...geometry.letter_changes import letter_changes
from .wyckoff_words import SLOTS

MULTIPLIER, OFFSET = 6364136223846793005, 1442695040888963407
"""The constants of a hash of numbers, one after the other (Knuth's linear congruential generator)."""


class TypeKeys(nn.Module):
    """Hashes of structure types, of their names, of crystals and of formulas."""

    def __init__(self) -> None:
        super().__init__()
        self.multiplier, self.offset, self.most_slots = MULTIPLIER, OFFSET, SLOTS
        self.largest = torch.iinfo(torch.int64).max
        self.letter_changes: Tensor
        self.register_buffer("letter_changes", torch.from_numpy(letter_changes()), persistent=False)

    @torch.jit.export
    def type_keys(self, group: Tensor, letters: Tensor, slots: Tensor) -> Tensor:
        """Return a number [B] for each structure type: a hash of group [B], letters and slots [B, O]."""
        key = group * self.multiplier + self.offset
        words = letters * self.most_slots + slots + 1
        for column in range(letters.size(1)):
            after = (key ^ words[:, column]) * self.multiplier + self.offset
            key = torch.where(letters[:, column] >= 0, after ^ (after >> 29), key)
        return key

    @torch.jit.export
    def crystal_keys(self, type_key: Tensor, elements: Tensor) -> Tensor:
        """Return a number [B] for each structure type with its elements [B, S]."""
        key = type_key
        for column in range(elements.size(1)):
            after = (key ^ elements[:, column]) * self.multiplier + self.offset
            key = torch.where(elements[:, column] > 0, after ^ (after >> 29), key)
        return key

    @torch.jit.export
    def name_keys(self, group: Tensor, letters: Tensor, slots: Tensor) -> Tensor:
        """Return a number [B] for each structure type, the same for all of its equivalent descriptions.

        It stands for the type's name (`geometry.type_name`): of the descriptions under the normaliser of the space
        group, which change the letters, the least; the order of the slots does not matter.
        """
        in_slot = (letters >= 0).unsqueeze(2) & (
            slots.unsqueeze(2) == torch.arange(self.most_slots, device=slots.device)
        )
        least = torch.full_like(group, self.largest)
        for change in range(self.letter_changes.size(1)):
            changed = self.letter_changes[group, change].long().gather(1, letters.clamp(min=0))
            of_slots = (self.mixed(changed + 1).unsqueeze(2) * in_slot).sum(1)
            of_type = (self.mixed(of_slots) * (of_slots != 0)).sum(1)
            least = torch.minimum(least, self.mixed(of_type ^ self.mixed(group)))
        return least

    def formula_keys(self, elements: Tensor, counts: Tensor) -> Tensor:
        """Return a number [B] for each reduced formula, of elements and numbers of atoms, [B, S]."""
        order = elements.argsort(1)
        elements, counts = elements.gather(1, order), counts.gather(1, order)
        divisor = counts[:, 0]
        for column in range(1, counts.size(1)):
            divisor = torch.gcd(divisor, counts[:, column])
        units = counts // divisor.clamp(min=1).unsqueeze(1)
        key = torch.full_like(divisor, self.offset)
        for column in range(elements.size(1)):
            after = (key ^ (elements[:, column] * 256 + units[:, column])) * self.multiplier + self.offset
            key = torch.where(elements[:, column] > 0, after ^ (after >> 29), key)
        return key

    def mixed(self, key: Tensor) -> Tensor:
        """Return other numbers for numbers, of which like ones have nothing in common."""
        after = key * self.multiplier + self.offset
        return (after ^ (after >> 29)) * self.multiplier + self.offset
