"""Balls: a value and a radius that no correct evaluation leaves, whatever its order of summation, its BLAS or its libm.

The model is the standard one (Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, sections 2.2, 3.1
and 3.3): fl(x op y) = (x op y)(1 + d), |d| <= u; a sum of n products in any order, with or without FMA, is off by at
most gamma_n |x|'|y|; an elementary function by LIBM_ULPS ulps.  Underflow is added at the end (`bounds`).
docs/rounding.md derives every line.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nnparity.arithmetic import Array, select
from nnparity.products import fast_matmul

UNIT_ROUNDOFF = 2.0**-53
SMALLEST_SUBNORMAL = 2.0**-1074
LIBM_ULPS = 4
LIBM_ROUNDINGS = 2 * LIBM_ULPS  # an ulp of x is at most 2 u |x|


class Ball(NamedTuple):
    """All numbers within `radius` of `value`, elementwise."""

    value: Array
    radius: Array


def gamma_bound(n: float) -> float:
    """gamma_n = n u / (1 - n u): the relative error that n roundings can build up (Higham, lemma 3.1)."""
    return n * UNIT_ROUNDOFF / (1.0 - n * UNIT_ROUNDOFF)


def ball_exact(value) -> Ball:
    """A ball around values that are known exactly."""
    value = np.asarray(value, dtype=float)
    return Ball(value, np.zeros(value.shape))


def ball_round(x: Ball, n: float, scale=None) -> Ball:
    """The ball after n more roundings, of numbers as large as itself or as `scale`."""
    if scale is not None:
        return Ball(x.value, x.radius + gamma_bound(n) * scale)
    radius = np.abs(x.value)
    radius += x.radius
    radius *= gamma_bound(n)
    radius += x.radius
    return Ball(x.value, radius)


def ball_add(x: Ball, y: Ball) -> Ball:
    """x + y."""
    return ball_round(Ball(x.value + y.value, x.radius + y.radius), 1)


def ball_subtract(x: Ball, y: Ball) -> Ball:
    """x - y."""
    return ball_round(Ball(x.value - y.value, x.radius + y.radius), 1)


def ball_scale(x: Ball, factor) -> Ball:
    """factor * x, the factor known exactly."""
    return ball_round(Ball(factor * x.value, np.abs(factor) * x.radius), 1)


def ball_multiply(x: Ball, y: Ball) -> Ball:
    """x * y: |x + dx||y + dy| - |x||y| is at most |x| dy + dx |y| + dx dy."""
    radius = np.abs(x.value) * y.radius + x.radius * (np.abs(y.value) + y.radius)
    return ball_round(Ball(x.value * y.value, radius), 1)


def ball_divide(x: Ball, y: Ball, least: float = 0.0) -> Ball:
    """x / y: the radius is (dx + |x/y| dy) / (|y| - dy), infinite where y may be 0; |y| is at least `least`."""
    value = x.value / y.value
    nearest = np.maximum(np.abs(y.value) - y.radius, least)
    radius = select(nearest > 0, (x.radius + np.abs(value) * y.radius) / nearest, np.inf)
    return ball_round(Ball(value, radius), 1)


def ball_square(x: Ball) -> Ball:
    """x^2: the radius is (2 |x| + dx) dx."""
    return ball_round(Ball(x.value * x.value, (2.0 * np.abs(x.value) + x.radius) * x.radius), 1)


def ball_sqrt(x: Ball) -> Ball:
    """sqrt(x) of numbers that cannot be negative: |sqrt(x) - sqrt(x - d)| = d / (sqrt(x) + sqrt(x - d))."""
    value = np.sqrt(x.value)
    down = np.minimum(x.radius, x.value)
    below = value + np.sqrt(x.value - down)
    above = value + np.sqrt(x.value + x.radius)
    radius = np.maximum(select(below > 0, down / below, 0.0), select(above > 0, x.radius / above, 0.0))
    return ball_round(Ball(value, radius), 1)


def ball_log(x: Ball) -> Ball:
    """ln x: the radius is dx / (x - dx), infinite where x may be 0."""
    nearest = x.value - x.radius
    radius = select(nearest > 0, x.radius / nearest, np.inf)
    return ball_round(Ball(np.log(x.value), radius), LIBM_ROUNDINGS)


def ball_abs(x: Ball) -> Ball:
    """|x|."""
    return Ball(np.abs(x.value), x.radius)


def ball_step(x: Ball, below: float, above: float) -> Ball:
    """`above` where x > 0 and `below` elsewhere; the whole jump where both sides are possible."""
    value = select(x.value > 0, above, below)
    return Ball(value, select((np.abs(x.value) <= x.radius) & (x.radius > 0), abs(above - below), 0.0))


def ball_sign(x: Ball) -> Ball:
    """sign(x), with sign(0) = 0; the whole jump where both signs are possible."""
    return Ball(np.sign(x.value), select((np.abs(x.value) <= x.radius) & (x.radius > 0), 2.0, 0.0))


def ball_clip(x: Ball, limit: float) -> Ball:
    """x moved into [-limit, limit]."""
    return Ball(np.clip(x.value, -limit, limit), x.radius)


def ball_col_sums(x: Ball) -> Ball:
    """The sum of each column, of n terms in any order."""
    n = x.value.shape[0]
    return Ball(x.value.sum(axis=0), sum_radius(x.radius.sum(axis=0), np.abs(x.value).sum(axis=0), n))


def ball_spread(x: Ball, n: int) -> Ball:
    """One value per column, repeated for n rows."""
    return Ball(np.tile(x.value, (n, 1)), np.tile(x.radius, (n, 1)))


def ball_total(x: Ball) -> Ball:
    """The sum of all elements in any order."""
    return Ball(x.value.sum(), sum_radius(x.radius.sum(), np.abs(x.value).sum(), x.value.size))


def sum_radius(radius, size, n: int):
    """The radius of a sum of n terms whose radii add up to `radius` and whose sizes to `size`: n - 1 additions."""
    return radius + gamma_bound(n) * (size + radius)


class Measured(NamedTuple):
    """What two evaluations hold for one array: a value of the first, its size, and how far off the second is.

    Attributes
    ----------
    value : array
    size : |value|
    moved : elementwise distance of the second evaluation, or None where both are equal
    """

    value: Array
    size: Array
    moved: Array | None


def equal_arrays(a: Array, b: Array) -> bool:
    """Whether two arrays have the same shape and values; the first row, which mostly tells, is looked at first."""
    return a.shape == b.shape and (a.ndim < 2 or bool((a[0] == b[0]).all())) and bool((a == b).all())


def measure_pair(a: Array, b: Array, careful: bool = False) -> Measured:
    """Measure two arrays of one shape; carefully, equal infinities are no distance apart, and not rounded."""
    if careful:
        return Measured(a, select(np.isfinite(a), np.abs(a), 0.0), select(a == b, 0.0, np.abs(a - b)))
    return Measured(a, np.abs(a), None if equal_arrays(a, b) else np.abs(a - b))


def measured_transpose(x: Measured) -> Measured:
    """The transpose of a matrix."""
    return Measured(x.value.T, x.size.T, None if x.moved is None else x.moved.T)


def ball_around(x: Measured) -> Ball:
    """The ball as far as the second value and half an ulp: a value may be used before it is rounded for the trace."""
    if x.moved is None:
        return Ball(x.value, UNIT_ROUNDOFF * x.size)
    radius = x.size + x.moved
    radius *= UNIT_ROUNDOFF
    radius += x.moved
    return Ball(x.value, radius)


def product_radius(x: Measured, y: Measured, n: float) -> Array:
    """The radius of x y after n roundings in any order (Higham, equation 3.13): (gamma |x| + dx)(|y| + dy) + |x| dy.

    Three more roundings are those of the factors, which may be used before they are rounded for the trace.
    """
    outer = gamma_bound(n + 3) * x.size
    rim = y.size
    if x.moved is not None:
        outer = outer + (1.0 + gamma_bound(n + 3)) * x.moved
    if y.moved is None:
        return fast_matmul(outer, rim)
    return fast_matmul(outer, rim + y.moved) + fast_matmul(x.size, y.moved)


def logistic_size(z: Array) -> Array:
    """sigma(z) = 1 / (1 + e^-z), as a plain number for the size of a radius."""
    return 1.0 / (1.0 + np.exp(-z))


def softplus_size(z: Array) -> Array:
    """ln(1 + e^z), as a plain number."""
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


def steepest(x: Ball, rate: float = 1.0) -> Array:
    """The largest e^-|rate z| over the ball."""
    return np.exp(-rate * np.maximum(np.abs(x.value) - x.radius, 0.0))


def ball_logistic(x: Ball) -> Ball:
    """sigma(z): |sigma'| <= e^-|z|, and 1/4; 16 roundings of 1 admit 1/(1 + e^-z) and (1 + tanh(z/2))/2 alike."""
    radius = np.minimum(steepest(x), 0.25) * x.radius
    return ball_round(Ball(logistic_size(x.value), radius), 16, 1.0)


def ball_logistic_slope(x: Ball) -> Ball:
    """sigma'(z): |sigma''| <= e^-|z|, and 1/10; 16 roundings of 1 admit e/(1 + e)^2 and a(1 - a) alike."""
    a = logistic_size(-np.abs(x.value))
    radius = np.minimum(steepest(x), 0.1) * x.radius
    return ball_round(Ball(a * (1.0 - a), radius), 16, 1.0)


def ball_tanh(x: Ball) -> Ball:
    """tanh z: |tanh'| <= 4 e^-2|z|, and 1; 32 roundings of 1 admit the forms with e^z, e^2z and sigma(2z)."""
    radius = np.minimum(4.0 * steepest(x, 2.0), 1.0) * x.radius
    return ball_round(Ball(np.tanh(x.value), radius), 32, 1.0)


def ball_tanh_slope(x: Ball) -> Ball:
    """1 - tanh(z)^2: |tanh''| <= 8 e^-2|z|, and 1; 64 roundings of 1 admit 1 - a^2 and 4e/(1 + e)^2 alike."""
    radius = np.minimum(8.0 * steepest(x, 2.0), 1.0) * x.radius
    return ball_round(Ball(1.0 - np.tanh(x.value) ** 2, radius), 64, 1.0)


def ball_softplus(x: Ball) -> Ball:
    """ln(1 + e^z): its derivative sigma is largest at the upper end; 16 roundings of max(z, 0) + 1."""
    value = softplus_size(x.value)
    return ball_round(Ball(value, logistic_size(x.value + x.radius) * x.radius), 16, value + 1.0)


def ball_shifted(x: Ball) -> Ball:
    """z - max z in each column, the shift common to numerator and denominator of a softmax."""
    value = x.value - x.value.max(axis=0)
    return Ball(value, x.radius + UNIT_ROUNDOFF * np.abs(value))


def ball_softmax(x: Ball) -> Ball:
    """e^z_j / sum e^z_k in each column: a_j moves by a factor of at most e^(dz_j + the largest dz)."""
    shifted = ball_shifted(x)
    E = np.exp(shifted.value)
    value = E / E.sum(axis=0)
    radius = value * np.expm1(shifted.radius + shifted.radius.max(axis=0))
    return ball_round(Ball(value, radius), x.value.shape[0] + 2 * LIBM_ROUNDINGS + 4)


def ball_log_softmax(x: Ball) -> Ball:
    """ln softmax(z) in each column, from z or as the logarithm of the softmax."""
    n = x.value.shape[0]
    shifted = ball_shifted(x)
    normalizer = np.log(np.exp(shifted.value).sum(axis=0))
    value = shifted.value - normalizer
    radius = shifted.radius + shifted.radius.max(axis=0)
    size = 1.0 + np.abs(value) + normalizer + np.abs(x.value).max(axis=0)
    return ball_round(Ball(value, radius), n + 3 * LIBM_ROUNDINGS + 8, size)
