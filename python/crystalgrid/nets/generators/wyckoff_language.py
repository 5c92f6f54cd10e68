"""A language of crystals: a space group, then the Wyckoff orbits, then the elements on them, one word after the other.

Space group, letters and slots are a structure type, and one element for each slot dresses it. Each word depends on
those before it, and on a composition if one is given. Of the equivalent descriptions of a crystal the language knows
the canonical one (`geometry.canonical_unit`).
"""

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from .composition import sample_by_inverse_cdf
from .wyckoff_words import WyckoffWords


class Sentences(NamedTuple):
    """B crystals as sentences of O orbits and S slots, with -1 after the last letter and 0 after the last element."""

    space_group: Tensor
    """[B] int64."""
    letters: Tensor
    """[B, O] int64."""
    slots: Tensor
    """[B, O] int64, from 0."""
    elements: Tensor
    """[B, S] int64, Z of each slot."""
    prompt: Tensor
    """[B, P, 2] int64: Z and its number of atoms in the primitive cell, for a composition that is given; else zeros."""


class Beginning(NamedTuple):
    """The tokens that begin B sentences: a composition or a latent vector, and the start."""

    tokens: Tensor
    """[B, P + 1, width]."""
    valid: Tensor
    """[B, P + 1] bool, those that are no padding."""
    hints: Tensor
    """[B, SLOTS, width], added to the tokens that ask for the element of each slot; zeros, unless z says something."""
    least_share: float
    """Words whose probability is less than this share of the likeliest word's are not drawn."""


class Reading(NamedTuple):
    """The probabilities, expected volumes and summaries that the language gives B sentences."""

    log_probabilities: Tensor
    """[B, 4], of space group, letters, slots and elements."""
    log_volume: Tensor
    """[B], the logarithm of the volume in Å³ per atom that is expected."""
    summary: Tensor
    """[B, 2 · width], the output of the last token, and the mean over all."""


class ElementChoice(NamedTuple):
    """The rules by which elements are drawn for B structure types of S slots."""

    possible: Tensor
    """[94 + 1] bool, the elements that may occur."""
    kept: Tensor
    """[1, S] int64, the elements that slots have in any case, 0 for those that are free."""
    smallest_z: int
    """The last slot has at least this Z if none before has, and if such an element is possible."""
    temperature: float
    """It divides the logits: below 1, likely elements become more likely."""
    bias: Tensor
    """[B or 1, S, 94 + 1 or 1], added to the logits then."""


class WyckoffLanguage(WyckoffWords):
    """An autoregressive distribution over space group, orbits and elements, and the volume that goes with them."""

    @torch.jit.export
    def beginning(self, prompt: Tensor) -> Beginning:
        """Return what begins sentences about a composition [B, P, 2]."""
        tokens = self.prompt_tokens(prompt)
        valid = F.pad(prompt[:, :, 0] > 0, [0, 1], value=1.0)
        return Beginning(tokens, valid, tokens.new_zeros(tokens.size(0), self.slots, self.width), 0.0)

    @torch.jit.export
    def read(self, sentences: Sentences) -> Reading:
        """Return the probabilities of sentences, the volumes that they expect, and a summary."""
        return self.read_after(self.beginning(sentences.prompt), sentences)

    def read_after(self, beginning: Beginning, sentences: Sentences) -> Reading:
        """Return what `read` does, of sentences with a `beginning` in place of their prompt."""
        group, letters, slots, elements, _ = sentences
        is_orbit, is_element = letters >= 0, elements > 0
        position = self.positions(group, letters)
        counts = self.slot_counts(position, slots, elements.size(1))
        before = F.pad(elements[:, :-1], [1, 0])
        tokens = (
            beginning.tokens,
            self.group_token(group),
            self.orbit_tokens(position, slots),
            self.element_tokens(before, counts) + beginning.hints[:, : elements.size(1)],
            self.end_token(elements),
        )
        always = torch.ones_like(is_orbit[:, :1])
        valid = torch.cat((beginning.valid, always, is_orbit, is_element, always), 1)
        output, _ = self.attend(torch.cat(tokens, 1), valid, [], causal(valid))
        return self.reading(output, valid, sentences)

    def reading(self, output: Tensor, valid: Tensor, sentences: Sentences) -> Reading:
        """Return what the output [B, T, width] of all tokens says of sentences; valid: [B, T], no padding."""
        group, letters, slots, elements, _ = sentences
        is_orbit, is_element = letters >= 0, elements > 0
        position = self.positions(group, letters)
        shown = valid.unsqueeze(2).to(output.dtype)
        summary = torch.cat((output[:, -1], (output * shown).sum(1) / shown.sum(1)), 1).float()
        n_orbit_tokens, n_element_tokens = 1 + letters.size(1), 1 + elements.size(1)
        n_earlier = output.size(1) - 1 - n_orbit_tokens - n_element_tokens
        _, start, orbit, element = output.split([n_earlier, 1, n_orbit_tokens, n_element_tokens], 1)
        n_orbits, index = is_orbit.sum(1, keepdim=True), torch.arange(letters.size(1) + 1, device=letters.device)
        previous = F.pad(letters, [1, 0], value=-1.0).masked_fill(index > n_orbits, 0)
        next_letter = F.pad(letters, [0, 1], value=-1.0)
        letter_logits = self.letter_logits(orbit, group, previous)
        letter = log_probability(letter_logits, next_letter.masked_fill(next_letter < 0, letter_logits.size(2) - 1))
        used = F.pad((slots + 1).cummax(1).values[:, :-1], [1, 0])
        slot = log_probability(self.slot_logits(orbit[:, :-1], position, used), slots) * is_orbit
        named = log_probability(self.element_head(element[:, :-1]).float(), elements) * is_element
        words = (
            log_probability(self.group_head(start).float(), group.unsqueeze(1)).sum(1),
            (letter * (index <= n_orbits)).sum(1),
            slot.sum(1),
            named.sum(1),
        )
        log_volume = self.volume_head(element[:, -1]).squeeze(1).float()
        return Reading(torch.stack(words, 1), log_volume, summary)

    @torch.jit.export
    def dress(
        self,
        beginning: Beginning,
        group: Tensor,
        letters: Tensor,
        slots: Tensor,
        uniform: Tensor,
        choice: ElementChoice,
    ) -> tuple[Tensor, Reading]:
        """Return elements [R · B, S] that are drawn R times for each structure type, and what `read` would return.

        There is 0 where there is no slot, and no element twice in a crystal. group: [B]; letters, slots: [B, O];
        uniform: [B, R, S], in [0, 1].
        """
        possible, kept, smallest_z, temperature, bias = choice
        is_orbit = letters >= 0
        position = self.positions(group, letters)
        always = torch.ones_like(is_orbit[:, :1])
        valid = torch.cat((beginning.valid, always, is_orbit), 1)
        tokens = (beginning.tokens, self.group_token(group), self.orbit_tokens(position, slots))
        output, past = self.attend(torch.cat(tokens, 1), valid, [], causal(valid))
        each = torch.arange(len(group), device=group.device).repeat_interleave(uniform.size(1))
        uniform, hints = uniform.flatten(0, 1), beginning.hints[each]
        group, letters, slots, position = group[each], letters[each], slots[each], position[each]
        valid, always, outputs, past = valid[each], always[each], [output[each]], [block[:, each] for block in past]
        bias = bias[each] if len(bias) > 1 else bias
        n_slots = ((slots + 1) * (letters >= 0)).amax(1)
        counts = self.slot_counts(position, slots, uniform.size(1))
        elements = torch.zeros_like(uniform, dtype=torch.int64)
        free = possible.repeat(len(group), 1)
        free[:, kept.flatten()] = False
        is_heavy = torch.arange(len(possible), device=group.device) >= smallest_z
        before = torch.zeros_like(group).unsqueeze(1)
        most = max(1, int(n_slots.max()))
        for slot in range(most):
            is_slot = (slot < n_slots).unsqueeze(1)
            valid = torch.cat((valid, is_slot), 1)
            token = self.element_tokens(before, counts[:, slot : slot + 1], slot) + hints[:, slot : slot + 1]
            output, past = self.attend(token, is_slot, past, valid.unsqueeze(1))
            outputs.append(output)
            lacks_heavy = (slot == n_slots - 1) & (elements.amax(1) < smallest_z) & (free & is_heavy).any(1)
            allowed = free & (is_heavy | ~lacks_heavy.unsqueeze(1))
            logits = self.element_head(output[:, 0]).float() / temperature + bias[:, slot]
            logits = logits.masked_fill(~allowed, -math.inf)
            element = draw_words(logits, uniform[:, slot], beginning.least_share)
            element = torch.where(kept[:, slot] > 0, kept[:, slot], element) * (slot < n_slots)
            elements[:, slot] = element
            free.scatter_(1, element.unsqueeze(1), False)
            before = element.unsqueeze(1)
        valid = torch.cat((valid, always), 1)
        output, _ = self.attend(self.end_token(elements), always, past, valid.unsqueeze(1))
        outputs.append(output)
        prompt = torch.zeros(len(group), 0, 2, dtype=torch.int64, device=group.device)  # it was read already
        return elements, self.reading(
            torch.cat(outputs, 1), valid, Sentences(group, letters, slots, elements[:, :most], prompt)
        )

    @torch.jit.export
    def draw_types(
        self,
        beginning: Beginning,
        uniform: Tensor,
        groups: Tensor,
        atoms: tuple[int, int],
        elements: tuple[int, int],
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return structure types: groups [B], letters and slots [B, O], and whether each meets the conditions [B].

        uniform: [B, 1 + 2 · orbits], in [0, 1]; groups: [230 + 1] bool, the space groups that may occur; atoms,
        elements: the least and the most atoms in the primitive cell, and slots.
        """
        batch, device = uniform.size(0), uniform.device
        start, past = self.attend(beginning.tokens, beginning.valid, [], causal(beginning.valid))
        logits = self.group_head(start[:, -1]).float().masked_fill(~groups, -math.inf)
        group = draw_words(logits, uniform[:, 0], beginning.least_share)
        letters = torch.full([batch, self.orbits], -1, device=device)
        slots = torch.zeros_like(letters)
        always = torch.ones(batch, 1, dtype=torch.bool, device=device)
        valid = torch.cat((beginning.valid, always), 1)
        output, past = self.attend(self.group_token(group), always, past, valid.unsqueeze(1))
        previous, used, total = torch.full_like(group, -1), torch.zeros_like(group), torch.zeros_like(group)
        met, rows = torch.zeros_like(always.squeeze(1)), torch.arange(batch, device=device)
        for orbit in range(self.orbits):  # of the sentences in `rows`, which have not ended
            positions = self.table.position_of[group[rows]]
            logits = self.letter_logits(output, group[rows], previous[rows].unsqueeze(1))[:, 0]
            too_many = (total[rows].unsqueeze(1) + self.table.atoms[positions]) > atoms[1]
            too_few = ((total[rows] < atoms[0]) | (used[rows] < elements[0])).unsqueeze(1)
            logits = logits.masked_fill(torch.cat((too_many, too_few), 1), -math.inf)
            is_stuck = torch.isinf(logits).all(1)
            logits = logits.masked_fill(is_stuck.unsqueeze(1), 0.0)
            letter = draw_words(logits, uniform[rows, 1 + 2 * orbit], beginning.least_share)
            ends = letter >= positions.size(1)
            met[rows[ends & ~is_stuck]] = True
            going = torch.where(~(ends | is_stuck))[0]
            rows = rows[going]
            if len(going) == 0:
                break
            if len(going) < len(letter):
                past = [block[:, going] for block in past]
            letter, output = letter[going], output[going]
            position = positions[going].gather(1, letter.unsqueeze(1))
            slot_logits = self.slot_logits(output, position, used[rows].unsqueeze(1))[:, 0]
            beyond = torch.arange(self.slots, device=device) >= elements[1]
            slot_logits = slot_logits.masked_fill(beyond, -math.inf)
            slot = draw_words(slot_logits, uniform[rows, 2 + 2 * orbit], beginning.least_share)
            letters[rows, orbit], slots[rows, orbit] = letter, slot
            total[rows] += self.table.atoms[position.squeeze(1)]
            used[rows] = torch.maximum(used[rows], slot + 1)
            previous[rows] = letter
            token = self.orbit_tokens(position, slot.unsqueeze(1), orbit)
            visible = F.pad(beginning.valid[rows], [0, orbit + 2], value=1.0)
            output, past = self.attend(token, torch.ones_like(visible[:, :1]), past, visible.unsqueeze(1))
        met[rows] = (total[rows] >= atoms[0]) & (used[rows] >= elements[0])  # of as many orbits as there may be
        most = max(1, int((letters >= 0).sum(1).max()))
        return group, letters[:, :most], slots[:, :most], met


def draw_words(logits: Tensor, uniform: Tensor, least_share: float) -> Tensor:
    """Return words [B] drawn from logits [B, C] by uniform numbers [B]; see `sample_by_inverse_cdf`.

    least_share: of the likeliest word's probability, below which a word is not drawn.
    """
    if least_share > 0:
        unlikely = logits < logits.amax(1, keepdim=True) + math.log(least_share)
        logits = logits.masked_fill(unlikely, -math.inf)
    return sample_by_inverse_cdf(logits, uniform)


def causal(valid: Tensor) -> Tensor:
    """Return whether each token may attend to each other, [B, T, T]: to valid ones [B, T] before it, and to itself."""
    length = valid.size(1)
    earlier = torch.ones(length, length, dtype=torch.bool, device=valid.device).tril()
    itself = torch.eye(length, dtype=torch.bool, device=valid.device)
    return (earlier & valid.unsqueeze(1)) | itself


def log_probability(logits: Tensor, classes: Tensor) -> Tensor:
    """Return the log probabilities [B, n] of classes [B, n] by logits [B, n, C]."""
    return logits.log_softmax(2).gather(2, classes.unsqueeze(2)).squeeze(2)
