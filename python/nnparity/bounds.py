"""How far rounding alone can drive two correct evaluations of a step apart: a bound for each element of each quantity.

Each quantity is judged given the inputs it was computed from: its radius starts from the measured difference of those
inputs in the two traces and grows by the rounding of its own formula (`rounding`), so nothing is carried from step to
step.  Both evaluations lie within the radius of the exact result, hence at most two radii apart.  The derivation is in
docs/rounding.md.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from nnparity.activations import ACTIVATIONS, activation_parts
from nnparity.arithmetic import Array, get_arithmetic, select
from nnparity.checks import stop_input
from nnparity.losses import LOSSES, stable_pair
from nnparity.network import NetworkDefinition
from nnparity.optimizers import OPTIMIZERS, Optimizer
from nnparity.rounding import (
    LIBM_ROUNDINGS,
    UNIT_ROUNDOFF,
    Ball,
    Measured,
    ball_abs,
    ball_add,
    ball_around,
    ball_clip,
    ball_col_sums,
    ball_divide,
    ball_exact,
    ball_log,
    ball_log_softmax,
    ball_logistic,
    ball_logistic_slope,
    ball_multiply,
    ball_round,
    ball_scale,
    ball_shifted,
    ball_sign,
    ball_softmax,
    ball_softplus,
    ball_spread,
    ball_sqrt,
    ball_square,
    ball_step,
    ball_subtract,
    ball_tanh,
    ball_tanh_slope,
    ball_total,
    gamma_bound,
    logistic_size,
    measure_pair,
    measured_transpose,
    product_radius,
    softplus_size,
)

# The second-order terms of the radii's own computation in doubles are below this.
SAFETY = 1.0 + 2.0**-10
# Where an intermediate result underflows it is off by at most 2^-1075, which no step multiplies by more than 2^75.
UNDERFLOW = 2.0**-1000


# Activations: the balls of f(z) and of f'(z) out of the ball of z.

GELU_SCALE = 2.0 * np.sqrt(2.0 / np.pi)
GELU_CUBIC = 0.044715


def leaky_ball(z: Ball, slope: float) -> Ball:
    """z where z > 0, else slope z; it is steepest on one of the sides that the ball touches."""
    steep = select(z.value > z.radius, 1.0, select(z.value < -z.radius, abs(slope), max(1.0, abs(slope))))
    return ball_round(Ball(select(z.value > 0, z.value, slope * z.value), steep * z.radius), 1)


def elu_ball(z: Ball, alpha: float) -> Ball:
    """z where z > 0, else alpha (e^z - 1); 16 roundings of alpha admit e^z - 1 and expm1(z) alike."""
    top = abs(alpha) * np.exp(np.minimum(z.value + z.radius, 0.0))
    steep = select(z.value + z.radius > 0, max(1.0, abs(alpha)), top)
    value = select(z.value > 0, z.value, alpha * np.expm1(np.minimum(z.value, 0.0)))
    return ball_round(Ball(value, steep * z.radius), 2 * LIBM_ROUNDINGS, select(z.value > z.radius, 0.0, abs(alpha)))


def elu_slope_ball(z: Ball, alpha: float) -> Ball:
    """1 where z > 0, else alpha e^z, which jumps where alpha is not 1; 16 roundings of alpha admit a + alpha."""
    top = abs(alpha) * np.exp(np.minimum(z.value + z.radius, 0.0))
    value = select(z.value > 0, 1.0, alpha * np.exp(np.minimum(z.value, 0.0)))
    bent = select(z.value > z.radius, 0.0, top * z.radius)
    radius = ball_step(z, 0.0, abs(1.0 - alpha)).radius + bent
    return ball_round(Ball(value, radius), 2 * LIBM_ROUNDINGS, select(z.value > z.radius, 0.0, abs(alpha)))


def gelu_argument_ball(z: Ball) -> Ball:
    """u = 2 sqrt(2/pi) (z + 0.044715 z^3), for gelu is z sigma(u)."""
    cube = ball_multiply(ball_square(z), z)
    return ball_round(ball_scale(ball_add(z, ball_scale(cube, GELU_CUBIC)), GELU_SCALE), 4)


def gelu_slope_ball(z: Ball) -> Ball:
    """sigma(u) + z sigma'(u) u' with u' = 2 sqrt(2/pi) (1 + 3 * 0.044715 z^2)."""
    u = gelu_argument_ball(z)
    rate = ball_scale(ball_add(ball_exact(1.0), ball_scale(ball_square(z), 3.0 * GELU_CUBIC)), GELU_SCALE)
    return ball_round(ball_add(ball_logistic(u), ball_multiply(ball_multiply(z, rate), ball_logistic_slope(u))), 8)


def silu_slope_ball(z: Ball) -> Ball:
    """sigma(z) + z sigma'(z)."""
    return ball_round(ball_add(ball_logistic(z), ball_multiply(z, ball_logistic_slope(z))), 8)


# Word -> the ball of f(z), the ball of f'(z).
ACTIVATION_BALLS: dict[str, tuple[Callable[[Ball, Any], Ball], Callable[[Ball, Any], Ball]]] = {
    "linear": (lambda z, network: z, lambda z, network: ball_exact(np.ones(z.value.shape))),
    "sigmoid": (lambda z, network: ball_logistic(z), lambda z, network: ball_logistic_slope(z)),
    "tanh": (lambda z, network: ball_tanh(z), lambda z, network: ball_tanh_slope(z)),
    "relu": (lambda z, network: leaky_ball(z, 0.0), lambda z, network: ball_step(z, 0.0, 1.0)),
    "leaky_relu": (
        lambda z, network: leaky_ball(z, network.slope),
        lambda z, network: ball_step(z, network.slope, 1.0),
    ),
    "elu": (
        lambda z, network: elu_ball(z, network.elu_alpha),
        lambda z, network: elu_slope_ball(z, network.elu_alpha),
    ),
    "softplus": (lambda z, network: ball_softplus(z), lambda z, network: ball_logistic(z)),
    "gelu": (
        lambda z, network: ball_multiply(z, ball_logistic(gelu_argument_ball(z))),
        lambda z, network: gelu_slope_ball(z),
    ),
    "silu": (lambda z, network: ball_multiply(z, ball_logistic(z)), lambda z, network: silu_slope_ball(z)),
}


def probed_ball(f: Callable[[Array], Array], x: Ball) -> Ball:
    """The ball of a function that has none in the tables: its values at both ends, and 64 roundings of |f| + 1.

    A word added to a registry of the reference is judged by this estimate until its balls are written here.
    """
    value = f(x.value)
    radius = np.maximum(np.abs(f(x.value + x.radius) - value), np.abs(f(x.value - x.radius) - value))
    return ball_round(Ball(value, radius), 64, np.abs(value) + 1.0)


def activation_ball(part: str, z: Ball, network) -> Ball:
    """The ball of one activation's value."""
    if part == "softmax":
        return ball_softmax(z)
    if part in ACTIVATION_BALLS:
        return ACTIVATION_BALLS[part][0](z, network)
    return probed_ball(lambda x: ACTIVATIONS[part].value(x, network, get_arithmetic("fast")), z)


def slope_ball(part: str, z: Ball, network) -> Ball:
    """The ball of the derivative of one elementwise activation."""
    if part in ACTIVATION_BALLS:
        return ACTIVATION_BALLS[part][1](z, network)
    fast, f = get_arithmetic("fast"), ACTIVATIONS[part]
    slope = f.derivative
    if slope is None:  # a whole Jacobian that is not known here bounds nothing
        return Ball(z.value, np.nan * z.radius)
    return probed_ball(lambda x: slope(x, f.value(x, network, fast), network, fast), z)


def chain_balls(parts, z: Ball, network) -> list[Ball]:
    """z, then the ball after each part of a composition."""
    balls = [z]
    for part in parts:
        balls.append(activation_ball(part, balls[-1], network))
    return balls


def backprop_balls(parts, balls, dA: Ball, network) -> Ball:
    """dC_i/dz out of dC_i/da, back through the parts of a composition."""
    for k in reversed(range(len(parts))):
        if parts[k] == "softmax":
            # delta_j = a_j (dA_j - sum_k a_k dA_k)
            n = dA.value.shape[0]
            a = widen_softmax(balls[k + 1])
            mean = ball_spread(ball_col_sums(ball_multiply(a, dA)), n)
            dA = ball_round(ball_multiply(a, ball_subtract(dA, mean)), 4)
        else:
            # delta = dA * f'(z)
            dA = ball_round(ball_multiply(dA, slope_ball(parts[k], balls[k], network)), 4)
    return dA


# Losses: the ball of the terms of C_i and of dC_i/da.


def quadratic_balls(a: Ball, y: Ball, network) -> tuple[Ball, Ball]:
    """1/2 (a - y)^2 and a - y."""
    r = ball_subtract(a, y)
    return ball_scale(ball_square(r), 0.5), r


def mean_squared_error_balls(a: Ball, y: Ball, network) -> tuple[Ball, Ball]:
    """(a - y)^2 / n and 2 (a - y) / n."""
    n, r = a.value.shape[0], ball_subtract(a, y)
    return ball_scale(ball_square(r), 1.0 / n), ball_scale(r, 2.0 / n)


def mean_absolute_error_balls(a: Ball, y: Ball, network) -> tuple[Ball, Ball]:
    """|a - y| / n and sign(a - y) / n."""
    n, r = a.value.shape[0], ball_subtract(a, y)
    return ball_scale(ball_abs(r), 1.0 / n), ball_scale(ball_sign(r), 1.0 / n)


def huber_balls(a: Ball, y: Ball, network) -> tuple[Ball, Ball]:
    """h(a - y) / n and a - y clipped to [-huber_delta, huber_delta], / n; |h'| is at most |a - y| and huber_delta."""
    n, limit, r = a.value.shape[0], network.huber_delta, ball_subtract(a, y)
    size = np.abs(r.value)
    value = select(size > limit, limit * (size - 0.5 * limit), 0.5 * size * size)
    radius = np.minimum(size + r.radius, limit) * r.radius
    terms = ball_round(Ball(value, radius), 4, np.minimum(size, limit) * (size + limit) + radius)
    return ball_scale(terms, 1.0 / n), ball_scale(ball_clip(r, limit), 1.0 / n)


def binary_cross_entropy_balls(a: Ball, y: Ball, network) -> tuple[Ball, Ball]:
    """-(y ln a + (1 - y) ln(1 - a)) and (1 - y)/(1 - a) - y/a."""
    one = ball_exact(1.0)
    rest_y, rest_a = ball_subtract(one, y), ball_subtract(one, a)
    terms = ball_add(weigh_ball(y, ball_log(a)), weigh_ball(rest_y, ball_log(rest_a)))
    return terms, ball_subtract(ball_divide(rest_y, rest_a), ball_divide(y, a))


def categorical_cross_entropy_balls(a: Ball, y: Ball, network) -> tuple[Ball, Ball]:
    """-y ln a and -y / a."""
    return weigh_ball(y, ball_log(a)), ball_scale(ball_divide(y, a), -1.0)


LOSS_BALLS: dict[str, Callable[[Ball, Ball, Any], tuple[Ball, Ball]]] = {
    "quadratic": quadratic_balls,
    "mean_squared_error": mean_squared_error_balls,
    "mean_absolute_error": mean_absolute_error_balls,
    "huber": huber_balls,
    "binary_cross_entropy": binary_cross_entropy_balls,
    "categorical_cross_entropy": categorical_cross_entropy_balls,
}


def loss_balls(a: Ball, y: Ball, network) -> tuple[Ball, Ball]:
    """The balls of the terms of C_i and of dC_i/da."""
    if network.loss in LOSS_BALLS:
        return LOSS_BALLS[network.loss](a, y, network)
    fast, loss = get_arithmetic("fast"), LOSSES[network.loss]
    return (
        probed_ball(lambda x: loss.value(x, y.value, network, fast), a),
        probed_ball(lambda x: loss.gradient(x, y.value, network, fast), a),
    )


def weigh_ball(y: Ball, terms: Ball) -> Ball:
    """y * terms, with 0 * Inf = 0: what has no weight does not count."""
    product = ball_multiply(y, terms)
    nothing = (y.value == 0) & (y.radius == 0)
    return Ball(select(nothing, 0.0, product.value), select(nothing, 0.0, product.radius))


# Pairs of loss and output activation taken together, from z: the terms of C_i and dC_i/dz.


def sigmoid_binary_balls(z: Ball, a: Ball, y: Ball) -> tuple[Ball, Ball]:
    """ln(1 + e^z) - y z and a - y; the derivative of the first is at most |a - y| + dz / 4."""
    size = np.abs(z.value)
    value = softplus_size(z.value) - y.value * z.value
    radius = (np.abs(logistic_size(z.value) - y.value) + 0.25 * z.radius) * z.radius + (size + z.radius) * y.radius
    scale = 1.0 + size + np.abs(y.value * z.value)
    return ball_round(Ball(value, radius), 16, scale), distance_ball(a, y)


def sigmoid_categorical_balls(z: Ball, a: Ball, y: Ball) -> tuple[Ball, Ball]:
    """y ln(1 + e^-z) and -y sigma(-z)."""
    opposite = Ball(-z.value, z.radius)
    delta = ball_scale(weigh_ball(y, ball_logistic(opposite)), -1.0)
    return weigh_ball(y, ball_softplus(opposite)), ball_round(delta, 4)


def softplus_categorical_balls(z: Ball, a: Ball, y: Ball) -> tuple[Ball, Ball]:
    """-y ln a and -y sigma(z)/a with a = ln(1 + e^z); the derivative of ln a is at most 1, that of sigma/a 1/2."""
    softplus = softplus_size(z.value)
    tail = z.value < -37.0
    logarithm = select(tail, z.value, np.log(softplus))
    terms = ball_round(Ball(logarithm, z.radius), 32, 1.0 + np.abs(logarithm))
    ratio = select(tail, 1.0, logistic_size(z.value) / softplus)
    loose = select(tail, 0.0, a.radius / np.maximum(softplus - a.radius, 0.5 * softplus))
    slope = ball_round(Ball(ratio, 0.5 * z.radius + ratio * loose), 32, 1.0)
    return weigh_ball(y, terms), ball_scale(weigh_ball(y, slope), -1.0)


def softmax_categorical_balls(z: Ball, a: Ball, y: Ball) -> tuple[Ball, Ball]:
    """-y ln a and a sum y - y."""
    total = ball_spread(ball_col_sums(y), y.value.shape[0])
    delta = ball_subtract(ball_multiply(widen_softmax(a), total), y)
    return weigh_ball(y, ball_log_softmax(z)), ball_round(delta, 8, np.abs(a.value * total.value) + np.abs(y.value))


def softmax_binary_balls(z: Ball, a: Ball, y: Ball) -> tuple[Ball, Ball]:
    """-y ln a - (1 - y) ln(1 - a) and n a_j - y_j - sum_k (1 - y_k) p_jk, p_jk the softmax over the units but k."""
    n = z.value.shape[0]
    shifted = ball_shifted(z)
    reach = shifted.radius.max(axis=0)
    normalizer = np.log(np.exp(shifted.value).sum(axis=0))
    rest_y = ball_subtract(ball_exact(1.0), y)
    complement = np.empty(z.value.shape)
    wide = widen_softmax(a)
    value, radius, size = n * wide.value - y.value, n * wide.radius + y.radius, n * wide.value + np.abs(y.value)
    for k in range(n):
        others = z.value.copy()
        others[k, :] = -np.inf
        top = others.max(axis=0)
        E = np.exp(others - top)
        total = E.sum(axis=0)
        complement[k, :] = (top - z.value.max(axis=0)) + np.log(total) - normalizer
        # p_jk moves by a factor of at most e^(2 reach), the largest change within the column
        reach_k = reach + UNIT_ROUNDOFF * np.abs(top - z.value.max(axis=0))
        p = ball_round(Ball(E / total, E / total * np.expm1(2.0 * reach_k)), n + 2 * LIBM_ROUNDINGS + 4)
        part = ball_multiply(Ball(rest_y.value[k, :], rest_y.radius[k, :]), p)
        value, radius, size = value - part.value, radius + part.radius, size + np.abs(part.value)
    scale = 1.0 + np.abs(complement) + normalizer + np.abs(z.value).max(axis=0)
    moved = Ball(complement, np.tile(2.0 * reach, (n, 1)))
    logarithm = ball_round(moved, n + 4 * LIBM_ROUNDINGS + 8, scale)
    terms = ball_add(weigh_ball(y, ball_log_softmax(z)), weigh_ball(rest_y, logarithm))
    return terms, ball_round(Ball(value, radius), n + 4, size)


PAIR_BALLS: dict[str, dict[str, Callable[[Ball, Ball, Ball], tuple[Ball, Ball]]]] = {
    "binary_cross_entropy": {"sigmoid": sigmoid_binary_balls, "softmax": softmax_binary_balls},
    "categorical_cross_entropy": {
        "sigmoid": sigmoid_categorical_balls,
        "softplus": softplus_categorical_balls,
        "softmax": softmax_categorical_balls,
    },
}


def distance_ball(a: Ball, y: Ball) -> Ball:
    """a - y, also when it is taken the long way, through a(1 - a) and its reciprocal: 16 roundings of |a| + |y|."""
    return ball_round(ball_subtract(a, y), 16, np.abs(a.value) + np.abs(y.value))


def widen_softmax(a: Ball) -> Ball:
    """The softmax values again, as another evaluation may have rounded them."""
    return ball_round(a, a.value.shape[0] + 2 * LIBM_ROUNDINGS)


# Optimizers: the balls of the new parameter and of its memory.

NewBalls = tuple[Ball, list[Ball]]


def sgd_balls(p: Ball, g: Ball, memory, eta: float, hyper, count: float, is_weight: bool) -> NewBalls:
    """w - eta g."""
    return ball_subtract(p, ball_scale(g, eta)), []


def momentum_balls(p: Ball, g: Ball, memory, eta: float, hyper, count: float, is_weight: bool) -> NewBalls:
    """v = mu v - eta g, w + v."""
    velocity = ball_subtract(ball_scale(memory[0], hyper["momentum"]), ball_scale(g, eta))
    return ball_add(p, velocity), [velocity]


def nesterov_balls(p: Ball, g: Ball, memory, eta: float, hyper, count: float, is_weight: bool) -> NewBalls:
    """v = mu v - eta g, w + mu v - eta g."""
    step = ball_scale(g, eta)
    velocity = ball_subtract(ball_scale(memory[0], hyper["momentum"]), step)
    ahead = ball_subtract(ball_scale(velocity, hyper["momentum"]), step)
    size = np.abs(p.value) + np.abs(velocity.value) + np.abs(step.value)  # the three terms in any order
    return ball_round(ball_add(p, ahead), 2, size), [velocity]


def adagrad_balls(p: Ball, g: Ball, memory, eta: float, hyper, count: float, is_weight: bool) -> NewBalls:
    """s = s + g^2, w - eta g / (sqrt(s) + epsilon)."""
    accumulator = ball_add(memory[0], ball_square(g))
    return scaled_step_ball(p, g, accumulator, eta, hyper["epsilon"]), [accumulator]


def rmsprop_balls(p: Ball, g: Ball, memory, eta: float, hyper, count: float, is_weight: bool) -> NewBalls:
    """v = rho v + (1 - rho) g^2, w - eta g / (sqrt(v) + epsilon)."""
    v = moving_average_ball(memory[0], ball_square(g), hyper["rho"])
    return scaled_step_ball(p, g, v, eta, hyper["epsilon"]), [v]


def adam_balls(p: Ball, g: Ball, memory, eta: float, hyper, count: float, is_weight: bool) -> NewBalls:
    """m and v as moving averages of g and g^2, w - eta m_hat / (sqrt(v_hat) + epsilon)."""
    m = moving_average_ball(memory[0], g, hyper["beta1"])
    v = moving_average_ball(memory[1], ball_square(g), hyper["beta2"])
    m_hat = ball_divide(m, bias_correction_ball(hyper["beta1"], count))
    v_hat = ball_divide(v, bias_correction_ball(hyper["beta2"], count))
    return scaled_step_ball(p, m_hat, v_hat, eta, hyper["epsilon"]), [m, v]


def adamw_balls(p: Ball, g: Ball, memory, eta: float, hyper, count: float, is_weight: bool) -> NewBalls:
    """w - eta lambda w for weights, then Adam's step."""
    decayed = ball_round(ball_subtract(p, ball_scale(p, eta * hyper["weight_decay"])), 2) if is_weight else p
    return adam_balls(decayed, g, memory, eta, hyper, count, is_weight)


OPTIMIZER_BALLS: dict[str, Callable[..., NewBalls]] = {
    "sgd": sgd_balls,
    "momentum": momentum_balls,
    "nesterov": nesterov_balls,
    "adagrad": adagrad_balls,
    "rmsprop": rmsprop_balls,
    "adam": adam_balls,
    "adamw": adamw_balls,
}


def optimizer_balls(optimizer, p: Ball, g: Ball, memory, count: float, is_weight: bool) -> NewBalls:
    """The balls of a new parameter and of its memory, by the optimizer's rule."""
    eta, hyper = optimizer.eta, optimizer.hyper
    if optimizer.name in OPTIMIZER_BALLS:
        return OPTIMIZER_BALLS[optimizer.name](p, g, memory, eta, hyper, count, is_weight)
    inputs = [p, g, *memory]

    def results(k: int, move: Callable[[Ball], Array]) -> list[Array]:
        values = [move(x) if i == k else x.value for i, x in enumerate(inputs)]
        new, kept = OPTIMIZERS[optimizer.name].update(values[0], values[1], values[2:], eta, hyper, count, is_weight)
        return [new, *kept]

    balls = []
    for i, value in enumerate(results(0, lambda x: x.value)):
        radius = np.zeros(value.shape)
        for k in range(len(inputs)):
            ends = [results(k, move)[i] for move in (lambda x: x.value + x.radius, lambda x: x.value - x.radius)]
            radius += np.maximum(*(np.abs(end - value) for end in ends))
        balls.append(ball_round(Ball(value, radius), 64, np.abs(value) + np.abs(value - p.value)))
    return balls[0], balls[1:]


def moving_average_ball(memory: Ball, term: Ball, rate: float) -> Ball:
    """rate * memory + (1 - rate) * term."""
    return ball_add(ball_scale(memory, rate), ball_round(ball_scale(term, 1.0 - rate), 2))


def bias_correction_ball(rate: float, count: float) -> Ball:
    """1 - rate^t, the power by libm or by t products."""
    power = ball_round(ball_exact(rate**count), count + LIBM_ROUNDINGS)
    return ball_subtract(ball_exact(1.0), power)


def scaled_step_ball(p: Ball, g: Ball, squares: Ball, eta: float, epsilon: float) -> Ball:
    """w - eta g / (sqrt(s) + epsilon), whose divisor is at least epsilon, however uncertain s may be."""
    step = ball_divide(ball_scale(g, eta), ball_add(ball_sqrt(squares), ball_exact(epsilon)), 0.5 * epsilon)
    return ball_subtract(p, ball_round(step, 8))


def clip_balls(optimizer, gradients: Mapping[str, Ball]) -> Mapping[str, Ball]:
    """g * min(1, clip_norm / |g|), the norm taken over all gradients."""
    if optimizer.clip_norm is None:
        return gradients
    squares = ball_exact(0.0)
    for g in gradients.values():
        squares = ball_add(squares, ball_total(ball_square(g)))
    norm = ball_sqrt(squares)
    if norm.value + norm.radius <= optimizer.clip_norm:
        return gradients
    scale = ball_divide(ball_exact(optimizer.clip_norm), norm)
    scale = Ball(np.minimum(scale.value, 1.0), scale.radius)
    return {name: ball_round(ball_multiply(g, scale), 2) for name, g in gradients.items()}


# One step: each quantity out of the measured balls of its inputs.


@dataclass(frozen=True)
class Step:
    """The two evaluations of one step.

    Attributes
    ----------
    network, optimizer : definitions
    traces, inputs : pairs of dict
        What each evaluation computed, and what it started from.
    samples, layers : int
    measured, output : dict, list
        What has been measured so far, and the balls of the output layer once they are known.
    careful : bool
        Whether infinite values are looked after, which takes time.
    """

    network: NetworkDefinition
    optimizer: Optimizer
    traces: tuple[Mapping[str, Any], Mapping[str, Any]]
    inputs: tuple[Mapping[str, Any], Mapping[str, Any]]
    samples: int
    layers: int
    measured: dict[tuple[str, bool], Measured] = field(default_factory=dict)
    output: list[tuple[Ball, Ball]] = field(default_factory=list)
    careful: bool = False


def computed(step: Step, name: str) -> Measured:
    """A quantity that both evaluations computed."""
    return measured_once(step, name, step.traces, False)


def started(step: Step, name: str) -> Measured:
    """What both evaluations started from: `W1`, `b1`, …, `Y`, or the optimizer's memory."""
    return measured_once(step, name, step.inputs, True)


def measured_once(step: Step, name: str, sources, before: bool) -> Measured:
    """Measure a quantity of two sources, or recall it; where one lacks it or has another shape, everything is NaN."""
    if (name, before) not in step.measured:
        shape = quantity_shape(name, step.network, step.samples)
        a, b = (None if source.get(name) is None else np.asarray(source[name], dtype=float) for source in sources)
        if a is None or b is None or a.shape != shape or b.shape != shape:
            a = b = np.full(shape, np.nan)
        step.measured[name, before] = measure_pair(a, b, step.careful)
    return step.measured[name, before]


def computed_ball(step: Step, name: str) -> Ball:
    """The ball of a quantity that both evaluations computed."""
    return ball_around(computed(step, name))


def started_ball(step: Step, name: str) -> Ball:
    """The ball of what both evaluations started from."""
    return ball_around(started(step, name))


def layer_parts(step: Step, l: int) -> list[str]:
    """The words of layer l's activation."""
    return activation_parts(step.network.activations[l - 1])


def Z_radius(step: Step, l: int) -> Array:
    """Z[l] = W[l] A[l-1] + b[l]: the products and the bias, in any order."""
    W, b, A = started(step, f"W{l}"), started_ball(step, f"b{l}"), computed(step, f"A{l - 1}")
    n = W.value.shape[1] + 1
    bias = b.radius + gamma_bound(n) * (np.abs(b.value) + b.radius)
    return product_radius(W, A, n) + bias[:, np.newaxis]


def A_radius(step: Step, l: int) -> Array:
    """A[l] = f_l(Z[l])."""
    return chain_balls(layer_parts(step, l), computed_ball(step, f"Z{l}"), step.network)[-1].radius


def output_balls(step: Step) -> tuple[Ball, Ball]:
    """The terms of the loss, and deltaL = dC_i/dz; computed once, for both are needed."""
    if not step.output:
        step.output.append(compute_output_balls(step))
    return step.output[0]


def compute_output_balls(step: Step) -> tuple[Ball, Ball]:
    """The balls of `output_balls`."""
    network, L = step.network, step.layers
    parts = layer_parts(step, L)
    Z, A = computed_ball(step, f"Z{L}"), computed_ball(step, f"A{L}")
    Y = ball_exact(started(step, "Y").value)  # targets are data: both had the same
    balls = [*chain_balls(parts[:-1], Z, network), A]
    if stable_pair(network) is None:
        terms, dA = loss_balls(A, Y, network)
        return terms, backprop_balls(parts, balls, dA, network)
    terms, delta = PAIR_BALLS[network.loss][parts[-1]](balls[-2], A, Y)
    return terms, backprop_balls(parts[:-1], balls[:-1], delta, network)


def loss_radius(step: Step) -> Array:
    """C = (1/m) sum_i C_i + l1 sum |W| + l2/2 sum W^2."""
    mean = ball_round(ball_scale(ball_total(output_balls(step)[0]), 1.0 / step.samples), 2)
    for l in range(1, step.layers + 1):
        W = started_ball(step, f"W{l}")
        if step.network.l1 > 0:
            mean = ball_add(mean, ball_scale(ball_total(ball_abs(W)), step.network.l1))
        if step.network.l2 > 0:
            mean = ball_add(mean, ball_scale(ball_total(ball_square(W)), 0.5 * step.network.l2))
    return ball_round(mean, 4).radius


def delta_radius(step: Step, l: int) -> Array:
    """delta[l] = (W[l+1]' delta[l+1]) * f_l'(Z[l]); at the output dC_i/dz."""
    if l == step.layers:
        return output_balls(step)[1].radius
    parts = layer_parts(step, l)
    W, delta = measured_transpose(started(step, f"W{l + 1}")), computed(step, f"delta{l + 1}")
    dA = Ball(W.value @ delta.value, product_radius(W, delta, W.value.shape[1]))
    balls = [*chain_balls(parts[:-1], computed_ball(step, f"Z{l}"), step.network), computed_ball(step, f"A{l}")]
    return backprop_balls(parts, balls, dA, step.network).radius


def dW_radius(step: Step, l: int) -> Array:
    """dW[l] = (1/m) delta[l] A[l-1]' + l1 sign(W[l]) + l2 W[l]; 1/m may be taken into either factor."""
    network, m = step.network, step.samples
    delta, A = computed(step, f"delta{l}"), measured_transpose(computed(step, f"A{l - 1}"))
    radius = product_radius(delta, A, m + 4) / m
    if network.l1 == 0 and network.l2 == 0:
        return radius
    W = started_ball(step, f"W{l}")
    dW = Ball(delta.value @ A.value / m, radius)
    if network.l1 > 0:
        dW = ball_add(dW, ball_scale(ball_sign(W), network.l1))
    if network.l2 > 0:
        dW = ball_add(dW, ball_scale(W, network.l2))
    return ball_round(dW, 2).radius


def db_radius(step: Step, l: int) -> Array:
    """db[l] = (1/m) sum_i delta[l]_i."""
    delta = computed_ball(step, f"delta{l}")
    rim = np.abs(delta.value) + delta.radius
    return (delta.radius + gamma_bound(step.samples + 4) * rim).sum(axis=1) / step.samples


def update_balls(step: Step, parameter: str) -> dict[str, Ball]:
    """The new value of a parameter (`W1`), and its memory, by name."""
    optimizer, rule = step.optimizer, OPTIMIZERS[step.optimizer.name]
    names = [f"d{letter}{l}" for l in range(1, step.layers + 1) for letter in "Wb"]
    if optimizer.clip_norm is None:
        names = [f"d{parameter}"]
    gradients = clip_balls(optimizer, {name: computed_ball(step, name) for name in names})
    memory = [f"{parameter}_{word}" for word in rule.memory]
    count = float(step.inputs[0]["step_count"]) + 1.0 if rule.counts else 0.0
    value, balls = optimizer_balls(
        optimizer,
        started_ball(step, parameter),
        gradients[f"d{parameter}"],
        [started_ball(step, name) for name in memory],
        count,
        parameter.startswith("W"),
    )
    return {f"{parameter}_new": value, **dict(zip(memory, balls, strict=True))}


LAYER_RADII: dict[str, Callable[[Step, int], Array]] = {
    "Z": Z_radius,
    "A": A_radius,
    "delta": delta_radius,
    "dW": dW_radius,
    "db": db_radius,
}


def quantity_radius(step: Step, name: str) -> Array | None:
    """The radius of a quantity; None for what a step takes over without rounding: A0, step_count."""
    if name == "loss":
        return loss_radius(step)
    if name in ("A0", "step_count"):
        return None
    if "_" in name:
        ball = update_balls(step, name.split("_")[0]).get(name)
        return None if ball is None else ball.radius
    letters = name.rstrip("0123456789")
    return LAYER_RADII[letters](step, int(name[len(letters) :])) if letters in LAYER_RADII else None


def quantity_shape(name: str, network, samples: int) -> tuple[int, ...]:
    """The shape of a quantity or input: (n_l, n_{l-1}) for weights and theirs, (n_l,) for biases, else (n_l, m)."""
    if name == "Y":
        return (network.sizes[-1], samples)
    stem = name.split("_")[0].lstrip("d")
    l = int("".join(c for c in stem if c.isdigit()))
    if name.startswith("delta") or stem[0] in "ZA":
        return (network.sizes[l], samples)
    return (network.sizes[l], network.sizes[l - 1]) if stem[0] == "W" else (network.sizes[l],)


def step_bounds(
    network, optimizer, trace_a, trace_b, inputs_a=None, inputs_b=None, quantities: Iterable[str] | None = None
) -> dict[str, Array]:
    """The largest difference that rounding can cause, element by element, between two evaluations of one step.

    Parameters
    ----------
    network, optimizer : definitions
        From ``define_network`` and ``define_optimizer``.
    trace_a, trace_b : Trace
        The two evaluations of the step.
    inputs_a, inputs_b : dict, optional
        What each step was computed from: ``W1``, ``b1``, ..., ``Y`` and the state; the traces' own unless given.
    quantities : iterable of str, optional
        Which bounds to compute; all of `trace_a` unless given.

    Returns
    -------
    dict
        Quantity -> array of its shape. A quantity that is copied and not computed has the bound 0; where a bound
        cannot be had (an input is missing, misshapen or not finite) it is NaN.

    Raises
    ------
    InputError
        If the inputs of a step are not known.
    """
    inputs_a = inputs_of(trace_a, "first") if inputs_a is None else inputs_a
    inputs_b = inputs_of(trace_b, "second", inputs_a) if inputs_b is None else inputs_b
    samples, layers = np.shape(inputs_a["Y"])[1], len(network.sizes) - 1
    step = Step(network, optimizer, (trace_a, trace_b), (inputs_a, inputs_b), samples, layers)
    bounds: dict[str, Array] = {}
    with np.errstate(all="ignore"):
        for name in trace_a if quantities is None else quantities:
            radius = quantity_radius(step, name)
            if radius is not None and not np.isfinite(radius.sum()):
                radius = quantity_radius(replace(step, measured={}, output=[], careful=True), name)
            if radius is None:
                radius = np.zeros(np.shape(trace_a.get(name)))
            else:
                radius = 2.0 * SAFETY * radius
                radius += UNDERFLOW
            bounds[name] = radius
    return bounds


def inputs_of(trace, which: str, otherwise=None):
    """What a trace's step was computed from: its own record, or quantities of that name in it, or the other trace's."""
    inputs = getattr(trace, "inputs", None) or (trace if "Y" in trace else otherwise)
    if not inputs:
        stop_input(
            f"rounding bounds need the weights, biases and targets that the {which} trace started from, and it has none"
        )
    return inputs
