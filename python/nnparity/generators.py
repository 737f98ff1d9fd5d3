"""Data made up to be learned, drawn from R's stream: the same numbers, bit for bit, in both languages.

Each returns X (one row per observation), y and the names of the classes (None: numbers to predict).
Sines and cosines are libm's, taken one by one; everything else is one rounding per operation, in the same order.
"""

import math

import numpy as np
from numpy.typing import NDArray

from nnparity.checks import check_count, check_number
from nnparity.random import r_rnorm, r_runif, r_set_seed

Doubles = NDArray[np.float64]
Made = tuple[Doubles, NDArray, tuple[str, ...] | None]


def make_clusters(classes: int = 2, n: int = 100, seed: int = 1) -> Made:
    """Clusters inside each other: a disc in a ring for every two classes, the pairs on a circle.

    Parameters
    ----------
    classes : how many, at least 2; the last ring is missing where the number is odd.
    n : observations of each class.
    seed : of R's stream.

    Returns
    -------
    X : array, shape (classes · n, 2), class after class.
    y : int array: 0, 0, …, 1, 1, …
    classes : the names "1", "2", …

    Notes
    -----
    Class k draws its n angles as ``runif(n)`` turns, then its n radii: ``0.45 sqrt(runif(n))`` in a disc,
    ``1 + 0.08 rnorm(n)`` in a ring. Pair j of p > 1 lies at angle 2π j / p on a circle of radius 0.6 + 0.5 p.
    """
    classes = check_count(classes, "classes", at_least=2)
    n = check_count(n, "n")
    stream = r_set_seed(seed)
    pairs = (classes + 1) // 2
    distance = 0.6 + 0.5 * pairs if pairs > 1 else 0.0
    blocks = []
    for k in range(classes):
        turn = 2 * math.pi * (k // 2) / pairs
        angle = 2 * math.pi * r_runif(stream, n)
        radius = 0.45 * np.sqrt(r_runif(stream, n)) if k % 2 == 0 else 1 + 0.08 * r_rnorm(stream, n)
        x1 = distance * math.cos(turn) + radius * _cosines(angle)
        x2 = distance * math.sin(turn) + radius * _sines(angle)
        blocks.append(np.column_stack([x1, x2]))
    y = np.repeat(np.arange(classes), n)
    return np.concatenate(blocks), y, tuple(str(k + 1) for k in range(classes))


def make_spiral(n: int = 400, turns: float = 1.25, seed: int = 1) -> Made:
    """Points along a spiral, on a background of points that keep away from it.

    Parameters
    ----------
    n : observations of each of the two classes.
    turns : how often the spiral winds round the centre.
    seed : of R's stream.

    Returns
    -------
    X : array, shape (2n, 2): the background, then the spiral, inside the square from −1 to 1.
    y : int array: 0 for the background, 1 for the spiral.
    classes : "background", "spiral"

    Notes
    -----
    Spiral: t = ``sqrt(runif(n))``, then the noise ``0.015 rnorm(n)`` of its radius; angle 2π turns t, radius 0.9 t.
    Background: points ``runif(2, −1, 1)`` one at a time, kept if no nearer than 0.2 / turns to 400 points of the
    spiral.
    """
    n = check_count(n, "n")
    turns = check_number(turns, "turns", above=0)
    stream = r_set_seed(seed)
    t = np.sqrt(r_runif(stream, n))
    noise = 0.015 * r_rnorm(stream, n)
    angle = 2 * math.pi * turns * t
    radius = 0.9 * t + noise
    spiral = np.column_stack([radius * _cosines(angle), radius * _sines(angle)])

    s = np.arange(1, 401) / 400
    curve_angle = 2 * math.pi * turns * s
    curve1, curve2 = 0.9 * s * _cosines(curve_angle), 0.9 * s * _sines(curve_angle)
    least = (0.2 / turns) * (0.2 / turns)
    background = np.empty((n, 2))
    kept = 0
    while kept < n:
        x1, x2 = r_runif(stream, 2, -1, 1).tolist()
        if ((curve1 - x1) * (curve1 - x1) + (curve2 - x2) * (curve2 - x2)).min() >= least:
            background[kept] = x1, x2
            kept += 1
    y = np.repeat(np.arange(2), n)
    return np.concatenate([background, spiral]), y, ("background", "spiral")


def make_image(size: int = 200) -> Made:
    """A picture as a function: the colour of a pixel from its place.

    Parameters
    ----------
    size : pixels along each side.

    Returns
    -------
    X : array, shape (size², 2): x from −1 (left) to 1, y from −1 (top) to 1; row after row of the picture.
    y : array, shape (size², 3): red, green and blue, each from 0 to 1.
    classes : None

    Notes
    -----
    An evening: a sky from blue to orange, a sun with a soft edge, two ranges of hills, a lake. Nothing in it is random.
    """
    size = check_count(size, "size", at_least=2)
    place = 2 * np.arange(size) / (size - 1) - 1
    x1, x2 = np.tile(place, size), np.repeat(place, size)

    height = (x2 + 1) / 2
    colour = _mixed((0.18, 0.28, 0.62), (0.98, 0.62, 0.30), _smooth_step(height / 0.75))
    sun = np.sqrt((x1 - 0.25) * (x1 - 0.25) + (x2 + 0.15) * (x2 + 0.15))
    colour = _mixed(colour, (1.0, 0.92, 0.62), 1 - _smooth_step((sun - 0.2) / 0.12))
    far_hills = 0.22 + 0.13 * np.tile(_sines(3.1 * place + 0.6), size)
    colour = _mixed(colour, (0.36, 0.27, 0.45), _smooth_step((x2 - far_hills) / 0.1 + 0.5))
    near_hills = 0.45 + 0.11 * np.tile(_sines(4.3 * place + 2.2), size)
    colour = _mixed(colour, (0.12, 0.30, 0.24), _smooth_step((x2 - near_hills) / 0.08 + 0.5))
    lake = _smooth_step((x2 - 0.72) / 0.08 + 0.5)
    colour = _mixed(colour, (0.25, 0.45, 0.66), lake)
    return np.column_stack([x1, x2]), colour, None


def make_xor() -> Made:
    """The exclusive or: four points that no straight line separates.

    Returns
    -------
    X : array, 4 × 2: (0, 0), (0, 1), (1, 0), (1, 1).
    y : int array: 0, 1, 1, 0.
    classes : "0", "1"
    """
    X = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    return X, np.array([0, 1, 1, 0]), ("0", "1")


def _cosines(angle: Doubles) -> Doubles:
    return np.array([math.cos(a) for a in angle.tolist()])


def _sines(angle: Doubles) -> Doubles:
    return np.array([math.sin(a) for a in angle.tolist()])


def _smooth_step(t: Doubles) -> Doubles:
    # 0 below 0, 1 above 1, 3t² − 2t³ between
    t = np.minimum(np.maximum(t, 0.0), 1.0)
    return t * t * (3 - 2 * t)


def _mixed(under: tuple[float, ...] | Doubles, over: tuple[float, ...], share: Doubles) -> Doubles:
    # (1 − share) under + share over, for each colour
    return (1 - share)[:, None] * np.asarray(under) + share[:, None] * np.asarray(over)
