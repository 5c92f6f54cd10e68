"""The words of the language of crystals, as tokens that go into a transformer and logits that come out of it.

A sentence is: the elements of a composition, if one is given; the start; a space group; orbits, each a Wyckoff letter
and a slot; and an element for each slot. Orbits of one element have one slot, numbered as they first occur.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ...crystal import MAX_Z
from ...geometry.orbits import SPACE_GROUPS
from .causal_attention import CausalBlock, spread
from .wyckoff_table import LETTER_COUNT, WyckoffTable

SLOTS = 8
"""The most different elements of a crystal."""
HEADS = 6
MOST_COUNT = 64
"""The largest number of atoms of one element in a primitive cell that has an embedding of its own."""


class WyckoffWords(nn.Module):
    """A causal transformer over the words of a crystal.

    width: of the hidden layers; depth: their number; orbits: the most orbits of a crystal.
    """

    def __init__(self, width: int, depth: int, orbits: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.orbits, self.heads, self.depth, self.width = orbits, HEADS, depth, width
        self.slots, self.most_count = SLOTS, MOST_COUNT
        self.table = WyckoffTable()
        self.group = nn.Embedding(SPACE_GROUPS + 1, width)
        self.letter = nn.Embedding(LETTER_COUNT + 1, width)
        self.site_symmetry = nn.Embedding(self.table.site_symmetries, width)
        self.multiplicity = nn.Embedding(self.table.most_atoms + 1, width)
        self.element = nn.Embedding(MAX_Z + 1, width)
        self.count = nn.Embedding(MOST_COUNT + 1, width)
        self.place = nn.Embedding(orbits + 1, width)
        self.slot = nn.Embedding(SLOTS, width)
        self.part = nn.Embedding(6, width)
        self.blocks = nn.ModuleList(CausalBlock(width, HEADS, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.group_head = nn.Linear(width, SPACE_GROUPS + 1)
        self.letter_head, self.stop_head = nn.Linear(width, width), nn.Linear(width, 1)
        self.slot_inner, self.slot_head = nn.Linear(2 * width, width), nn.Linear(width, SLOTS)
        self.element_head = nn.Linear(width, MAX_Z + 1)
        self.volume_head = nn.Linear(width, 1)
        for module in self.modules():
            if isinstance(module, nn.Embedding):
                nn.init.normal_(module.weight, std=0.1)

    def prompt_tokens(self, prompt: Tensor) -> Tensor:
        """Return the tokens [B, P + 1, width] of compositions and of the start of a sentence."""
        given = self.element(prompt[:, :, 0]) + self.count(prompt[:, :, 1].clamp(max=self.most_count))
        start = self.part.weight[1].expand(prompt.size(0), 1, -1)
        return torch.cat((given + self.part.weight[0], start), 1)

    def group_token(self, group: Tensor) -> Tensor:
        """Return the tokens [B, 1, width] of space groups [B]."""
        tokens: Tensor = (self.group(group) + self.part.weight[2]).unsqueeze(1)
        return tokens

    @torch.jit.export
    def positions(self, group: Tensor, letters: Tensor) -> Tensor:
        """Return the Wyckoff positions of letters [B, O] as indices of the table, 0 where the letter is -1."""
        return self.table.position_of[group].gather(1, letters.clamp(min=0)) * (letters >= 0)

    def position_embedding(self, position: Tensor) -> Tensor:
        """Return the embeddings [..., width] of Wyckoff positions, given as indices of the table."""
        table = self.table
        site = self.letter(table.letter[position]) + self.site_symmetry(table.site_symmetry[position])
        embedding: Tensor = site + self.multiplicity(table.atoms[position]) + self.group(table.group[position])
        return embedding

    def orbit_tokens(self, position: Tensor, slots: Tensor, first: int = 0) -> Tensor:
        """Return the tokens [B, n, width] of orbits on Wyckoff positions, of which `first` precede; both [B, n]."""
        place = torch.arange(first, first + position.size(1), device=position.device)
        tokens: Tensor = self.position_embedding(position) + self.slot(slots) + self.place(place) + self.part.weight[3]
        return tokens

    def element_tokens(self, before: Tensor, counts: Tensor, first: int = 0) -> Tensor:
        """Return the tokens [B, n, width] that ask for the element of a slot, of which `first` precede.

        before: [B, n], the element before; counts: [B, n], the number of the slot's atoms in the primitive cell.
        """
        slot = torch.arange(first, first + before.size(1), device=before.device)
        counted = self.count(counts.clamp(max=self.most_count))
        tokens: Tensor = self.element(before) + counted + self.slot(slot) + self.part.weight[4]
        return tokens

    def end_token(self, elements: Tensor) -> Tensor:
        """Return the token [B, 1, width] after the last of the elements [B, S]; its output tells the volume."""
        last = ((elements > 0).sum(1, keepdim=True) - 1).clamp(min=0)  # a crystal that got no elements has no last
        token: Tensor = self.element(elements.gather(1, last)) + self.part.weight[5]
        return token

    def attend(self, tokens: Tensor, valid: Tensor, past: list[Tensor], visible: Tensor) -> tuple[Tensor, list[Tensor]]:
        """Return the output [B, n, width] of new tokens, and the `past` of those that follow.

        valid: [B, n], those that are no padding: for the others nothing is computed, and their output is 0. past: keys
        and values of all earlier tokens, by block; empty at the start. visible: [B, n, T + n], whether a new token may
        attend to each.
        """
        batch, length, width = tokens.size()
        place = torch.where(valid.flatten())[0]
        x = tokens.flatten(0, 1)[place]
        if len(past) == 0:
            past = [x.new_zeros(2, batch, self.heads, 0, width // self.heads) for _ in range(self.depth)]
        kept: list[Tensor] = []
        for index, block in enumerate(self.blocks):
            x, after = block(x, past[index], visible, place)
            kept.append(after)
        return spread(self.norm(x), place, batch, length), kept

    def letter_logits(self, output: Tensor, group: Tensor, previous: Tensor) -> Tensor:
        """Return the logits [B, n, LETTER_COUNT + 1] of the next letter; the last class is the end.

        Letters come in their order, and one without free coordinates but once. group: [B]; previous: [B, n], -1 at the
        start.
        """
        positions = self.table.position_of[group]
        logits = self.letter_head(output) @ self.position_embedding(positions).mT / math.sqrt(self.width)
        letters = torch.arange(positions.size(1), device=output.device)
        movable = self.table.freedom[positions].unsqueeze(1) > 0
        possible = (letters > previous.unsqueeze(2)) | ((letters == previous.unsqueeze(2)) & movable)
        possible = possible & (positions > 0).unsqueeze(1)
        end = self.stop_head(output).masked_fill((previous < 0).unsqueeze(2), -math.inf)
        return torch.cat((logits.masked_fill(~possible, -math.inf), end), 2).float()

    def slot_logits(self, output: Tensor, position: Tensor, used: Tensor) -> Tensor:
        """Return the logits [B, n, SLOTS] of the slots of the next orbits, on Wyckoff positions [B, n].

        used: [B, n], the number of slots before: another may be the next.
        """
        inner = F.gelu(self.slot_inner(torch.cat((output, self.position_embedding(position)), 2)))
        slots = torch.arange(self.slots, device=output.device)
        logits: Tensor = self.slot_head(inner).masked_fill(slots > used.unsqueeze(2), -math.inf).float()
        return logits

    @torch.jit.export
    def slot_counts(self, position: Tensor, slots: Tensor, n_slots: int) -> Tensor:
        """Return the number of atoms of each slot in the primitive cell, [B, n_slots]."""
        is_slot = slots.unsqueeze(2) == torch.arange(n_slots, device=slots.device)
        return (self.table.atoms[position].unsqueeze(2) * is_slot).sum(1)
