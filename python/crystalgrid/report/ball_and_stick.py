"""Balls and sticks: the atoms and bonds of a unit cell in perspective, as shaded shapes from back to front."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from ..geometry.bonds import bonds, longest_bond
from ..geometry.cell import CellLike
from ..geometry.elements import COVALENT_RADII, ELECTRONEGATIVITIES, NONMETALS
from ..geometry.images import translations_into
from .element_colours import ELEMENT_COLOURS

ON_A_FACE = 0.02
"""The fractional distance from a face of the cell at which an atom is drawn on the opposite face, too."""
BALL, SMALLEST_BALL = 0.33, 0.18
"""The radius of a ball over the covalent radius, and the least radius, Å."""
STICK, EDGE = 0.09, 0.02
"""The radii of bonds and of the edges of the cell, Å."""
AZIMUTH, ELEVATION = np.radians(18), np.radians(11)
"""The view: c points up and a to the viewer, who looks a little from the right and from above."""
DISTANCE = 6.0
"""The distance of the viewer from the middle of the cell, over its radius."""
FOG = 0.5
"""The share of white in the colours of the farthest shapes."""
FEWEST_DISCS, DISCS = 5, 10
"""The discs from the rim of a ball, dark, to its highlight: the fewest, and more for each Å of its radius."""
HIGHLIGHT = np.array([-0.3, 0.35])
"""The direction of the highlight from the middle of a ball, in radii."""
OUTLINE = 1.05
"""The radius of the dark disc behind a ball, over the ball's."""
RIM, WHITE = 0.55, 0.75
"""The brightness of a ball's rim, and the share of white in its highlight."""
PIECE = 0.35
"""The length in Å of the pieces of an edge of the cell, each of which is behind or before other shapes."""
EDGE_COLOUR = np.full(3, 0.25)
SHORT = 2.7
"""The length in Å of a lattice vector below which two cells are drawn along it, so that a ring of graphite is seen."""
HYDROGEN = 1


class Scene(NamedTuple):
    """The atoms and bonds of a crystal that are drawn."""

    positions: np.ndarray
    """[N, 3] Å, of atoms in the cell, on all of its faces, and bonded to a nonmetal in it."""
    numbers: np.ndarray
    """[N]."""
    bonds: np.ndarray
    """[P, 2], indices of atoms."""


class Shape(NamedTuple):
    """A disc, or a polygon of four corners."""

    depth: float
    """The distance towards the viewer, Å: what has less is behind."""
    outline: np.ndarray
    """[4, 2] corners on the paper, or [2] the centre of a disc."""
    radius: float
    """The radius of a disc, 0 for a polygon."""
    colour: np.ndarray
    """[3] red, green and blue from 0 to 1."""


class View:
    """The projection of a cell onto the paper, in perspective, with c up."""

    def __init__(self, lattice: np.ndarray) -> None:
        up = lattice[2] / np.linalg.norm(lattice[2])
        forward = lattice[0] - lattice[0] @ up * up
        forward /= np.linalg.norm(forward)
        right = np.cross(up, forward)
        right, forward = _turned(right, forward, AZIMUTH)
        up, forward = _turned(up, forward, ELEVATION)
        self.axes = np.stack([right, up, forward])
        drawn = repeats(lattice)[:, None] * lattice
        self.middle = 0.5 * drawn.sum(axis=0)
        corners = np.array(list(itertools.product((-0.5, 0.5), repeat=3))) @ drawn
        self.radius = float(np.linalg.norm(corners, axis=1).max())

    def __call__(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return for positions [..., 3] the points on paper [..., 2], the depths [...] and the scales [...]."""
        seen = (positions - self.middle) @ self.axes.T
        scale = DISTANCE * self.radius / (DISTANCE * self.radius - seen[..., 2])
        return seen[..., :2] * scale[..., None], seen[..., 2], scale


def _turned(first: np.ndarray, second: np.ndarray, angle: float) -> tuple[np.ndarray, np.ndarray]:
    """Return two directions at right angles, the second turned to the first by an angle in radians."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return cosine * first - sine * second, cosine * second + sine * first


def repeats(lattice: np.ndarray) -> np.ndarray:
    """Return how many cells are drawn along each vector of a lattice, [3]."""
    cells: np.ndarray = np.where(np.linalg.norm(lattice, axis=1) < SHORT, 2, 1)
    return cells


def scene(cell: CellLike) -> Scene:
    """Return the atoms of a unit cell, those on its faces on all of them, and their bonds.

    An atom outside is drawn, too, if it is a ligand of a nonmetal inside, so that PO4 and CO3 are whole.
    """
    cells = repeats(cell.lattice)
    corners = np.array(list(itertools.product((0, 1), repeat=3))) * (cells + 2.0) - 1.0
    steps = translations_into(corners, cell.frac_coords % 1.0)
    frac_coords = (cell.frac_coords % 1.0 + steps[:, None]).reshape(-1, 3)
    # What is farther from the cell than any bond is long has no bond to what is drawn.
    margin = longest_bond(cell.numbers) * np.linalg.norm(np.linalg.inv(cell.lattice), axis=0)
    near = ((frac_coords > -margin) & (frac_coords < cells + margin)).all(axis=1)
    frac_coords, numbers = frac_coords[near], np.tile(cell.numbers, len(steps))[near]
    inside = ((frac_coords > -ON_A_FACE) & (frac_coords < cells + ON_A_FACE)).all(axis=1)
    positions = frac_coords @ cell.lattice
    pairs = bonds(positions, numbers)
    pairs = np.concatenate([pairs, pairs[:, ::-1]])
    centre, ligand = pairs[inside[pairs[:, 0]]].T
    nonmetal = np.isin(numbers, list(NONMETALS))
    of_nonmetal = nonmetal[centre] & nonmetal[ligand] & _attracts(numbers[ligand], numbers[centre])
    drawn = inside.copy()
    drawn[ligand[of_nonmetal]] = True
    index = np.cumsum(drawn) - 1
    pairs = pairs[(pairs[:, 0] < pairs[:, 1]) & drawn[pairs].all(axis=1)]
    return Scene(positions[drawn], numbers[drawn], index[pairs])


def _attracts(ligand: np.ndarray, centre: np.ndarray) -> np.ndarray:
    """Return whether elements are ligands of others: more electronegative, or hydrogen."""
    more = ELECTRONEGATIVITIES[ligand] > ELECTRONEGATIVITIES[centre]
    is_ligand: np.ndarray = (more & (centre != HYDROGEN)) | ((ligand == HYDROGEN) & (centre != HYDROGEN))
    return is_ligand


def ball_radius(numbers: np.ndarray) -> np.ndarray:
    """Return the radii in Å of the balls of elements [N]."""
    radii: np.ndarray = np.maximum(BALL * COVALENT_RADII[numbers], SMALLEST_BALL)
    return radii


def shapes(scene: Scene, lattice: np.ndarray, view: View) -> list[Shape]:
    """Return the shapes of a scene and of the edges of the cell, from back to front, paler the farther behind."""
    parts = [*_balls(scene, view), *_sticks(scene, view), *_edges(scene, lattice, view)]
    parts.sort(key=lambda group: group[0].depth)
    nearest, farthest = parts[-1][0].depth, parts[0][0].depth
    fogged = []
    for shape in itertools.chain.from_iterable(parts):
        fog = FOG * (nearest - shape.depth) / max(nearest - farthest, 1e-6)
        fogged.append(shape._replace(colour=shape.colour + fog * (1 - shape.colour)))
    return fogged


def _balls(scene: Scene, view: View) -> Iterator[list[Shape]]:
    """Yield the discs of each atom, from its dark rim to its highlight."""
    points, depths, scales = view(scene.positions)
    radii = ball_radius(scene.numbers) * scales
    for point, depth, radius, z in zip(points, depths, radii, scene.numbers, strict=True):
        discs = [
            Shape(depth, point + shade * radius * HIGHLIGHT, radius * (1 - 0.85 * shade), _shaded(z, shade))
            for shade in np.linspace(0, 1, FEWEST_DISCS + int(DISCS * radius))
        ]
        yield [Shape(depth, point, OUTLINE * radius, 0.35 * ELEMENT_COLOURS[z]), *discs]


def _sticks(scene: Scene, view: View) -> Iterator[list[Shape]]:
    """Yield the two halves of each bond, from a ball's surface to the middle, in the colours of their atoms."""
    radii = ball_radius(scene.numbers)
    for pair in scene.bonds:
        first, second = scene.positions[pair]
        direction = (second - first) / np.linalg.norm(second - first)
        ends = np.stack([first + radii[pair[0]] * direction, second - radii[pair[1]] * direction])
        middle = ends.mean(axis=0)
        for end, z in zip(ends, scene.numbers[pair], strict=True):
            yield [_quad(view, end, middle, STICK * (1 - shade), _shaded(z, shade)) for shade in (0, 0.4, 0.75)]


def _edges(scene: Scene, lattice: np.ndarray, view: View) -> Iterator[list[Shape]]:
    """Yield the pieces of the cell's twelve edges that are outside of balls and sticks."""
    for vector, others in enumerate(([1, 2], [0, 2], [0, 1])):
        pieces = int(np.ceil(np.linalg.norm(lattice[vector]) / PIECE))
        for corner in itertools.product((0, 1), repeat=2):
            start = np.array(corner) @ lattice[others]
            points = start + np.linspace(0, 1, pieces + 1)[:, None] * lattice[vector]
            for first, second in itertools.pairwise(points):
                if not _covered(0.5 * (first + second), scene):
                    yield [_quad(view, first, second, EDGE, EDGE_COLOUR)]


def _covered(point: np.ndarray, scene: Scene) -> bool:
    """Return whether a point [3] Å is inside of a ball or a stick."""
    if (np.linalg.norm(scene.positions - point, axis=1) < ball_radius(scene.numbers)).any():
        return True
    start, end = scene.positions[scene.bonds[:, 0]], scene.positions[scene.bonds[:, 1]]
    along = end - start
    share = np.clip(((point - start) * along).sum(axis=1) / (along**2).sum(axis=1), 0, 1)
    return bool((np.linalg.norm(start + share[:, None] * along - point, axis=1) < STICK).any())


def _quad(view: View, start: np.ndarray, end: np.ndarray, radius: float, colour: np.ndarray) -> Shape:
    """Return a cylinder as it is seen, a quadrangle."""
    points, depths, scales = view(np.stack([start, end]))
    along = points[1] - points[0]
    across = np.array([-along[1], along[0]]) / max(float(np.linalg.norm(along)), 1e-9)
    half_widths = across * (radius * scales)[:, None]
    outline = np.concatenate([points + half_widths, (points - half_widths)[::-1]])
    return Shape(float(depths.mean()), outline, 0.0, colour)


def _shaded(z: int, shade: float) -> np.ndarray:
    """Return an element's colour, dark at shade 0, itself at 0.5 and nearly white at 1."""
    colour = ELEMENT_COLOURS[z]
    dark = RIM * colour
    shaded: np.ndarray = dark + min(1, 2 * shade) * (colour - dark)
    return shaded + max(0, 2 * shade - 1) * WHITE * (1 - shaded)
