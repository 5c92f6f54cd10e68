"""The training of a generator of crystals, from nothing or from a generator that is trained."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from pathlib import Path

import torch

from ..artifacts.checkpoint import best, last, load_run, read_checkpoint, write_checkpoint
from ..artifacts.find import load_info, load_learner
from ..artifacts.formulas import join_formulas, trained_formulas
from ..artifacts.generator_info import GeneratorInfo, the_generator
from ..artifacts.generator_recipe import GeneratorRecipe, generator_recipe_from
from ..artifacts.recipe import GENERATOR, recipe_content
from ..artifacts.short_runs import warn_if_short
from ..data.formulas import formula_hashes
from ..errors import InputError
from ..nets.generators.crystal_generator import CrystalGenerator
from ..nets.generators.rank_weights import RankWeights
from ..nets.generators.structure_types import KnownCrystals, ordering_of
from .clock import Clock
from .crystal_generator_training import CrystalGeneratorTraining, held_out_examples
from .crystal_latent_training import CrystalLatentTraining
from .encoded_crystals import encoded_splits, kept_in
from .known_crystals import describe_known, joined, known_of, select
from .known_orderings import ORDERINGS, with_orderings
from .log import Log
from .loop import ENDLESS, Loop
from .processes import first_process, only_first_prints, wait_for_all, world_size
from .rank_fit import choices_of, fit_new_share, fit_rank
from .run_data import load_splits
from .run_folder import check_same_run, prepare_folder
from .train_networks import total_steps

WITHOUT_PREDICTION = (
    "its prediction of energies above the hull is left out, since the language that it reads will change; "
    "--recipe stability learns one anew"
)
HELD_OUT_CRYSTALS = 1024
"""The number of crystals of the validation split that are used while training."""


def is_for_generator(recipe: str | None, start: str | None) -> bool:
    """Return whether a run trains a generator of crystals, by its recipe, or else by the model that it starts from."""
    if recipe is not None:
        return GENERATOR in recipe_content(recipe)[0]
    return start is not None and isinstance(load_info(start), GeneratorInfo)


def train_generator(
    *,
    out: Path,
    data: str,
    recipe: str | None,
    start: str | None,
    seed: int,
    max_steps: int | None,
    max_epochs: float | None,
    minutes: float | None,
    resume: bool,
) -> None:
    """Train a generator of crystals, with the options of `crystalgrid-train`."""
    clock = Clock(minutes)
    first = the_generator(load_learner(start), start) if start is not None else None
    settings = choose_recipe(recipe, first, str(start))
    if first is not None and first[1].stability is not None and settings.latent is None:
        with only_first_prints():
            print(f"{start}: {WITHOUT_PREDICTION}", file=sys.stderr)
    crystals, val, data_info = load_splits(data, "repeated", seed, max_side=math.inf)
    info = GeneratorInfo.before_training(settings, data_info, seed)
    info = replace(info, start=first[1].as_start(str(start)) if first else None, processes=world_size())
    info = replace(info, rank=first[1].rank if first else None)
    if resume:
        check_same_run(info, read_checkpoint(last(out)).info, out)
    prepare_folder(out, resume)
    sizes = settings.generator
    learned, held_out = encoded_splits(out, crystals, val, (sizes.orbits, sizes.atoms), info.symprec)
    kept, ids = known_with_start(learned, [str(id) for id in crystals.ids], first)
    if settings.latent is None:  # an autoencoder draws crystals of vectors, of whichever type
        most, crystals_alone = (sizes.orbits, sizes.atoms), kept
        kept = kept_in(out / ORDERINGS, lambda: with_orderings(crystals_alone, len(crystals.ids), most, seed))
    info = describe_known(info, kept, ids)
    with only_first_prints():
        kind = CrystalGeneratorTraining if settings.latent is None else CrystalLatentTraining
        training = kind(info, learned, kept, first[0] if first else None)
    seen = trained_formulas(start) if start is not None else None
    training.formulas = join_formulas(formula_hashes(crystals), seen)
    steps = total_steps(settings.optimizer, len(learned.source), max_steps, max_epochs, minutes)
    decay_ends = settings.optimizer.steps if steps == ENDLESS else max(settings.optimizer.steps, steps)
    examples = held_out_examples(held_out, HELD_OUT_CRYSTALS)
    loop = Loop(training, Log(out), examples, clock, steps=steps, decay_ends=decay_ends)
    loop.run(last(out) if resume else None)
    if settings.latent is None and first_process():  # an autoencoder draws crystals of vectors, not of a formula
        fit_to_held_out(out, held_out, info.rank or RankWeights())
    wait_for_all()
    if first_process():
        warn_if_short(str(out), replace(info, step=loop.step))


def fit_to_held_out(run: Path, held_out: KnownCrystals, before: RankWeights) -> None:
    """Fit the rank of candidates and the share of new types to held-out crystals; write both to the checkpoints."""
    network, _ = the_generator(load_run(run), str(run))
    rank, new_share = fit_rank(choices_of(network, held_out), before), fit_new_share(network, held_out)
    for path in (best(run), last(run)):
        if path.is_file():
            checkpoint = read_checkpoint(path)
            assert isinstance(checkpoint.info, GeneratorInfo)
            write_checkpoint(path, replace(checkpoint, info=replace(checkpoint.info, rank=rank, new_share=new_share)))


def choose_recipe(
    recipe: str | None, first: tuple[CrystalGenerator, GeneratorInfo] | None, start: str
) -> GeneratorRecipe:
    """Return the recipe that is named, or that of the generator to start from; their sizes must be the same."""
    if recipe is None:
        assert first is not None
        return first[1].recipe
    content, where = recipe_content(recipe)
    settings = generator_recipe_from(content, where)
    if first is not None and settings.generator != first[1].recipe.generator:
        raise InputError(f"{recipe}: its [generator] is not that of {start}; give a recipe with the same, or none")
    return settings


def known_with_start(
    learned: KnownCrystals, ids: list[str], first: tuple[CrystalGenerator, GeneratorInfo] | None
) -> tuple[KnownCrystals, list[str]]:
    """Return the crystals that a generator keeps, and the ids of all that these refer to.

    They are the crystals that it learns, and after them those of the generator that it starts from, with their
    orderings, but for crystals of the same id.
    """
    if first is None:
        return learned, ids
    network, info = first
    before, own = known_of(network), set(ids)
    is_ordering = before.source < 0
    source = torch.where(is_ordering, ordering_of(before.source), before.source)
    other = [row for row, index in enumerate(source.tolist()) if info.training_ids[index] not in own]
    sources, index = source[other].unique(return_inverse=True)
    index = index + len(ids)
    kept = select(before, other)._replace(source=torch.where(is_ordering[other], ordering_of(index), index))
    return joined([learned, kept]), [*ids, *(info.training_ids[source] for source in sources.tolist())]
