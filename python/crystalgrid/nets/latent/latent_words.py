"""The words of a crystal, its structure type and elements, that a latent vector z chooses."""

import math

import torch
from torch import Tensor, nn

from ..generators.composition import uniform_from_normal
from ..generators.crystal_generator import CrystalGenerator
from ..generators.dressed_types import Dressed, chosen, replace, to_orbits, trimmed
from ..generators.sizes import Sizes
from ..generators.wyckoff_language import Beginning, ElementChoice, Reading, Sentences
from ..generators.wyckoff_words import SLOTS

LEAST_SHARE, LEAST_SHARE_OF_OPEN = 0.3, 0.1
"""Words that are less likely than this share of the likeliest are not decoded; the second where z leaves it open."""
LEAST_LIKELIHOOD = -5.0
"""The log likelihood of all words below which a vector leaves open which crystal it is.

Of 299 encoded test crystals 296 are above, of 1,000 draws from N(0, 1) two.
"""

TYPE_CHOICES, ELEMENT_CHOICES = 4, 12
"""The choices of a structure type, and of elements on each, at most, where a vector leaves open which crystal it is."""
TEMPERATURE_BETWEEN = 3.0
"""Of the elements among which the likeliest that balance in charge are sought."""


class LatentWords(CrystalGenerator):
    """A generator whose language reads a latent vector where a composition would be given.

    latent, tokens: the size of z, and the number of tokens that it is cut into.
    """

    def __init__(self, sizes: Sizes, latent: int, tokens: int) -> None:
        super().__init__(sizes)
        self.latent_dim, self.latent_tokens, self.noise_dim = latent, tokens, latent
        self.least_share, self.least_share_of_open = LEAST_SHARE, LEAST_SHARE_OF_OPEN
        self.least_likelihood, self.temperature_between = LEAST_LIKELIHOOD, TEMPERATURE_BETWEEN
        self.words_of_type, self.type_choices = 1 + 2 * sizes.orbits, TYPE_CHOICES
        self.element_choices = min(ELEMENT_CHOICES, (latent - self.words_of_type) // self.most_slots)
        self.expand = nn.Linear(latent // tokens, sizes.width)
        self.token = nn.Parameter(0.1 * torch.randn(tokens, sizes.width))
        self.hint = nn.Linear(latent, SLOTS * sizes.width)

    def latent_features(self, z: Tensor) -> Tensor:
        """Return the tokens [B, T, width] of latent vectors [B, latent]."""
        tokens: Tensor = self.expand(z.view(len(z), self.latent_tokens, -1)) + self.token
        return tokens

    def latent_beginning(self, z: Tensor, least_share: float = 0.0) -> Beginning:
        """Return what begins sentences about latent vectors [B, latent]; least_share: of words that are drawn."""
        start = self.language.part.weight[1].expand(len(z), 1, -1)
        tokens = torch.cat((self.latent_features(z), start), 1)
        hints = self.hint(z).view(len(z), self.most_slots, -1)
        return Beginning(tokens, torch.ones_like(tokens[:, :, 0], dtype=torch.bool), hints, least_share)

    def decode_words(self, z: Tensor, possible: Tensor) -> Dressed:
        """Return the structure types of latent vectors [B, latent], with elements that are possible, [94 + 1].

        Where a vector leaves open which crystal it is, a model that has learned which ones are stable decodes the first
        plausible one; the further numbers of z choose other elements, and then another structure type.
        """
        uniform, beginning = uniform_from_normal(z), self.latent_beginning(z, self.least_share)
        decoded = self.chosen_words(beginning, uniform, 1, self.seen)
        rows = torch.where(decoded.log_likelihood < self.least_likelihood)[0]
        if bool((possible != self.seen).any()):
            decoded = self.chosen_words(beginning, uniform, 1, possible)
        for choice in range(self.type_choices if self.stability is not None else 0):
            if len(rows) > 0:
                beginning = self.latent_beginning(z[rows], self.least_share_of_open)
                further = uniform[rows].roll(-choice * self.words_of_type, 1)
                words = self.chosen_words(beginning, further, self.element_choices, possible)
                plausible, is_found = self.first_plausible(words, self.element_choices)
                found = torch.where(is_found)[0]
                replace(decoded, rows[found], chosen(plausible, found))
                rows = rows[~is_found]
        return decoded

    def chosen_words(self, beginning: Beginning, uniform: Tensor, choices: int, possible: Tensor) -> Dressed:
        """Return the structure type that its numbers choose for each of B vectors, with so many choices of elements.

        They are [B · choices]. uniform: [B, latent], in [0, 1], of which the first choose the type, the next ones the
        elements.
        """
        groups = torch.arange(self.groups + 1, device=uniform.device) > 0
        n_elements = (1, min(self.most_slots, int(possible.sum())))
        group, letters, slots, _ = self.language.draw_types(
            beginning, uniform[:, : self.words_of_type], groups, (1, self.atoms), n_elements
        )
        return self.chosen_elements(beginning, (group, letters, slots), uniform, choices, possible, 1.0)

    def chosen_elements(
        self,
        beginning: Beginning,
        types: tuple[Tensor, Tensor, Tensor],
        uniform: Tensor,
        choices: int,
        possible: Tensor,
        temperature: float,
    ) -> Dressed:
        """Return structure types with the elements that their numbers choose, [B · choices]; see `chosen_words`.

        types: space groups [B], letters and slots [B, O].
        """
        group, letters, slots = types
        words = uniform[:, self.words_of_type :][:, : choices * self.most_slots]
        kept, no_bias = torch.zeros_like(slots[:1, :1]), torch.zeros_like(uniform[:1, :1]).unsqueeze(2)
        choice = ElementChoice(
            possible, kept.expand(1, self.most_slots), 0, temperature, no_bias.expand(1, self.most_slots, 1)
        )
        words = words.view(len(uniform), choices, self.most_slots)
        elements, reading = self.language.dress(beginning, group, letters, slots, words, choice)
        each = torch.arange(len(uniform), device=uniform.device).repeat_interleave(choices)
        likelihood, log_volume = reading.log_probabilities.sum(1).double(), reading.log_volume.double()
        letters, slots = to_orbits(letters, self.orbits, -1), to_orbits(slots, self.orbits, 0)
        tie_break = torch.zeros_like(log_volume)  # the first of equally near crystals: z says the rest
        return Dressed(group[each], letters[each], slots[each], elements, likelihood, log_volume, tie_break)

    def balanced_words(self, z: Tensor, decoded: Dressed, possible: Tensor) -> Dressed:
        """Return structure types with the likeliest elements that balance in charge, of those that z chooses.

        Types on which none of these elements balance keep what was decoded.
        """
        group, letters, slots, _, _, _, _ = trimmed(decoded)
        beginning, choices = self.latent_beginning(z), self.element_choices
        others = self.chosen_elements(
            beginning, (group, letters, slots), uniform_from_normal(z), choices, possible, self.temperature_between
        )
        likelihood = others.log_likelihood.masked_fill(~self.is_balanced(others), -math.inf).view(-1, choices)
        best, place = likelihood.max(1)
        found, words = torch.where(best > -math.inf)[0], chosen(decoded, torch.arange(len(z)))
        replace(words, found, chosen(others, found * choices + place[found]))
        return words

    def first_plausible(self, words: Dressed, choices: int) -> tuple[Dressed, Tensor]:
        """Return the first plausible one of every `choices` crystals, and whether there is one, [B].

        Plausible is one of a known structure type that is new, balanced in charge and predicted to be stable. The
        prediction comes last, since it takes longest, and reads crystals without the vector, as it was learned.
        """
        relative, distance, is_new = self.relatives(words)
        is_plausible = is_new & (relative >= 0)
        rows = torch.where(is_plausible)[0]
        is_plausible[rows] = self.is_balanced(chosen(words, rows))
        rows = torch.where(is_plausible)[0]
        if len(rows) > 0:
            reading = self.read_alone(chosen(words, rows))
            energy = self.energy_above(reading, distance[rows], torch.zeros_like(is_plausible[rows]))
            is_plausible[rows] = energy <= self.largest_energy
        is_plausible = is_plausible.view(-1, choices)
        first = torch.arange(len(is_plausible)) * choices + is_plausible.int().argmax(1)
        return chosen(words, first), is_plausible.any(1)

    def read_alone(self, words: Dressed) -> Reading:
        """Return how the language reads crystals with nothing before them."""
        group, letters, slots, elements, _, _, _ = trimmed(words)
        nothing = torch.zeros(len(group), 0, 2, dtype=torch.int64)
        most = max(1, int((elements > 0).sum(1).max()))
        return self.language.read(Sentences(group, letters, slots, elements[:, :most], nothing))
