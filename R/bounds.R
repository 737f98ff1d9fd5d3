# How far rounding alone can drive two correct evaluations of one step apart: a bound for every element of every
# quantity.
#
# Each quantity is judged given the inputs it was computed from: its radius starts from the measured difference of those
# inputs in the two traces and grows by the rounding of its own formula (rounding.R), so nothing is carried from step to
# step. Both evaluations lie within the radius of the exact result, hence at most two radii apart. docs/rounding.md has
# the derivation.

# The second-order terms of the radii's own computation in doubles are below this.
bound_safety <- 1 + 2^-10
# Where an intermediate result underflows it is off by at most 2^-1075, which no step multiplies by more than 2^75.
bound_underflow <- 2^-1000

# Activations: the balls of f(z) and of f'(z) out of the ball of z.

# 2 sqrt(2/pi) and the cubic's coefficient in gelu's tanh form.
gelu_ball_scale <- 2 * sqrt(2 / pi)
gelu_ball_cubic <- 0.044715

# z where z > 0, else slope z; it is steepest on one of the sides that the ball touches.
leaky_ball <- function(z, slope) {
  steep <- select(z$value > z$radius, 1, select(z$value < -z$radius, abs(slope), max(1, abs(slope))))
  ball_round(ball_of(select(z$value > 0, z$value, slope * z$value), steep * z$radius), 1)
}

# z where z > 0, else alpha (e^z - 1); 16 roundings of alpha admit e^z - 1 and expm1(z) alike.
elu_ball <- function(z, alpha) {
  top <- abs(alpha) * exp(pmin(z$value + z$radius, 0))
  steep <- select(z$value + z$radius > 0, max(1, abs(alpha)), top)
  value <- select(z$value > 0, z$value, alpha * expm1(pmin(z$value, 0)))
  ball_round(ball_of(value, steep * z$radius), 2 * libm_roundings, select(z$value > z$radius, 0, abs(alpha)))
}

# 1 where z > 0, else alpha e^z, which jumps where alpha is not 1; 16 roundings of alpha admit a + alpha.
elu_slope_ball <- function(z, alpha) {
  top <- abs(alpha) * exp(pmin(z$value + z$radius, 0))
  value <- select(z$value > 0, 1, alpha * exp(pmin(z$value, 0)))
  bent <- select(z$value > z$radius, 0, top * z$radius)
  radius <- ball_step(z, 0, abs(1 - alpha))$radius + bent
  ball_round(ball_of(value, radius), 2 * libm_roundings, select(z$value > z$radius, 0, abs(alpha)))
}

# u = 2 sqrt(2/pi) (z + 0.044715 z^3), for gelu is z sigma(u).
gelu_argument_ball <- function(z) {
  cube <- ball_multiply(ball_square(z), z)
  ball_round(ball_scale(ball_add(z, ball_scale(cube, gelu_ball_cubic)), gelu_ball_scale), 4)
}

# sigma(u) + z sigma'(u) u' with u' = 2 sqrt(2/pi) (1 + 3 * 0.044715 z^2).
gelu_slope_ball <- function(z) {
  u <- gelu_argument_ball(z)
  rate <- ball_scale(ball_add(ball_exact(1), ball_scale(ball_square(z), 3 * gelu_ball_cubic)), gelu_ball_scale)
  ball_round(ball_add(ball_logistic(u), ball_multiply(ball_multiply(z, rate), ball_logistic_slope(u))), 8)
}

# sigma(z) + z sigma'(z).
silu_slope_ball <- function(z) ball_round(ball_add(ball_logistic(z), ball_multiply(z, ball_logistic_slope(z))), 8)

# Word -> the ball of f(z), the ball of f'(z).
ACTIVATION_BALLS <- list(
  linear = list(function(z, network) z, function(z, network) ball_exact(select(z$value == z$value, 1, 1))),
  sigmoid = list(function(z, network) ball_logistic(z), function(z, network) ball_logistic_slope(z)),
  tanh = list(function(z, network) ball_tanh(z), function(z, network) ball_tanh_slope(z)),
  relu = list(function(z, network) leaky_ball(z, 0), function(z, network) ball_step(z, 0, 1)),
  leaky_relu = list(
    function(z, network) leaky_ball(z, network$slope),
    function(z, network) ball_step(z, network$slope, 1)
  ),
  elu = list(
    function(z, network) elu_ball(z, network$elu_alpha),
    function(z, network) elu_slope_ball(z, network$elu_alpha)
  ),
  softplus = list(function(z, network) ball_softplus(z), function(z, network) ball_logistic(z)),
  gelu = list(
    function(z, network) ball_multiply(z, ball_logistic(gelu_argument_ball(z))),
    function(z, network) gelu_slope_ball(z)
  ),
  silu = list(function(z, network) ball_multiply(z, ball_logistic(z)), function(z, network) silu_slope_ball(z))
)

# The ball of a function that has none in the tables: its values at both ends, and 64 roundings of |f| + 1. A word added
# to a registry of the reference is judged by this estimate until its balls are written here.
probed_ball <- function(f, x) {
  value <- f(x$value)
  radius <- pmax(abs(f(x$value + x$radius) - value), abs(f(x$value - x$radius) - value))
  ball_round(ball_of(value, radius), 64, abs(value) + 1)
}

# The ball of one activation's value.
activation_ball <- function(part, z, network) {
  if (part == "softmax") return(ball_softmax(z))
  if (part %in% names(ACTIVATION_BALLS)) return(ACTIVATION_BALLS[[part]][[1L]](z, network))
  probed_ball(function(x) ACTIVATIONS[[part]]$value(x, network, get_arithmetic("fast")), z)
}

# The ball of the derivative of one elementwise activation.
slope_ball <- function(part, z, network) {
  if (part %in% names(ACTIVATION_BALLS)) return(ACTIVATION_BALLS[[part]][[2L]](z, network))
  fast <- get_arithmetic("fast")
  f <- ACTIVATIONS[[part]]
  # a whole Jacobian that is not known here bounds nothing
  if (is.null(f$derivative)) return(ball_of(z$value, NaN * z$radius))
  probed_ball(function(x) f$derivative(x, f$value(x, network, fast), network, fast), z)
}

# z, then the ball after each part of a composition.
chain_balls <- function(parts, z, network) {
  balls <- list(z)
  for (part in parts) balls[[length(balls) + 1L]] <- activation_ball(part, balls[[length(balls)]], network)
  balls
}

# dC_i/dz out of dC_i/da, back through the parts of a composition.
backprop_balls <- function(parts, balls, dA, network) {
  for (k in rev(seq_along(parts))) {
    if (parts[[k]] == "softmax") {
      # delta_j = a_j (dA_j - sum_k a_k dA_k)
      n <- nrow(dA$value)
      a <- widen_softmax(balls[[k + 1L]])
      mean <- ball_spread(ball_col_sums(ball_multiply(a, dA)), n)
      dA <- ball_round(ball_multiply(a, ball_subtract(dA, mean)), 4)
    } else {
      # delta = dA * f'(z)
      dA <- ball_round(ball_multiply(dA, slope_ball(parts[[k]], balls[[k]], network)), 4)
    }
  }
  dA
}

# Losses: the ball of the terms of C_i and of dC_i/da.

# 1/2 (a - y)^2 and a - y.
quadratic_balls <- function(a, y, network) {
  r <- ball_subtract(a, y)
  list(ball_scale(ball_square(r), 0.5), r)
}

# (a - y)^2 / n and 2 (a - y) / n.
mean_squared_error_balls <- function(a, y, network) {
  n <- nrow(a$value)
  r <- ball_subtract(a, y)
  list(ball_scale(ball_square(r), 1 / n), ball_scale(r, 2 / n))
}

# |a - y| / n and sign(a - y) / n.
mean_absolute_error_balls <- function(a, y, network) {
  n <- nrow(a$value)
  r <- ball_subtract(a, y)
  list(ball_scale(ball_abs(r), 1 / n), ball_scale(ball_sign(r), 1 / n))
}

# h(a - y) / n and a - y clipped to [-huber_delta, huber_delta], / n; |h'| is at most |a - y| and huber_delta.
huber_balls <- function(a, y, network) {
  n <- nrow(a$value)
  limit <- network$huber_delta
  r <- ball_subtract(a, y)
  size <- abs(r$value)
  value <- select(size > limit, limit * (size - 0.5 * limit), 0.5 * size * size)
  radius <- pmin(size + r$radius, limit) * r$radius
  terms <- ball_round(ball_of(value, radius), 4, pmin(size, limit) * (size + limit) + radius)
  list(ball_scale(terms, 1 / n), ball_scale(ball_clip(r, limit), 1 / n))
}

# -(y ln a + (1 - y) ln(1 - a)) and (1 - y)/(1 - a) - y/a.
binary_cross_entropy_balls <- function(a, y, network) {
  one <- ball_exact(1)
  rest_y <- ball_subtract(one, y)
  rest_a <- ball_subtract(one, a)
  terms <- ball_add(weigh_ball(y, ball_log(a)), weigh_ball(rest_y, ball_log(rest_a)))
  list(terms, ball_subtract(ball_divide(rest_y, rest_a), ball_divide(y, a)))
}

# -y ln a and -y / a.
categorical_cross_entropy_balls <- function(a, y, network) {
  list(weigh_ball(y, ball_log(a)), ball_scale(ball_divide(y, a), -1))
}

LOSS_BALLS <- list(
  quadratic = quadratic_balls,
  mean_squared_error = mean_squared_error_balls,
  mean_absolute_error = mean_absolute_error_balls,
  huber = huber_balls,
  binary_cross_entropy = binary_cross_entropy_balls,
  categorical_cross_entropy = categorical_cross_entropy_balls
)

# The balls of the terms of C_i and of dC_i/da.
loss_balls <- function(a, y, network) {
  if (network$loss %in% names(LOSS_BALLS)) return(LOSS_BALLS[[network$loss]](a, y, network))
  fast <- get_arithmetic("fast")
  loss <- LOSSES[[network$loss]]
  list(
    probed_ball(function(x) loss$value(x, y$value, network, fast), a),
    probed_ball(function(x) loss$gradient(x, y$value, network, fast), a)
  )
}

# y * terms, with 0 * Inf = 0: what has no weight does not count.
weigh_ball <- function(y, terms) {
  product <- ball_multiply(y, terms)
  nothing <- y$value == 0 & y$radius == 0
  ball_of(select(nothing, 0, product$value), select(nothing, 0, product$radius))
}

# Pairs of loss and output activation taken together, from z: the terms of C_i and dC_i/dz.

# ln(1 + e^z) - y z and a - y; the derivative of the first is at most |a - y| + dz / 4.
sigmoid_binary_balls <- function(z, a, y) {
  size <- abs(z$value)
  value <- softplus_size(z$value) - y$value * z$value
  radius <- (abs(logistic_size(z$value) - y$value) + 0.25 * z$radius) * z$radius + (size + z$radius) * y$radius
  scale <- 1 + size + abs(y$value * z$value)
  list(ball_round(ball_of(value, radius), 16, scale), distance_ball(a, y))
}

# y ln(1 + e^-z) and -y sigma(-z).
sigmoid_categorical_balls <- function(z, a, y) {
  opposite <- ball_of(-z$value, z$radius)
  list(
    weigh_ball(y, ball_softplus(opposite)),
    ball_round(ball_scale(weigh_ball(y, ball_logistic(opposite)), -1), 4)
  )
}

# -y ln a and -y sigma(z)/a with a = ln(1 + e^z): the derivative of ln a is at most 1, that of sigma/a at most 1/2.
softplus_categorical_balls <- function(z, a, y) {
  softplus <- softplus_size(z$value)
  tail <- z$value < -37
  logarithm <- select(tail, z$value, log(softplus))
  terms <- ball_round(ball_of(logarithm, z$radius), 32, 1 + abs(logarithm))
  ratio <- select(tail, 1, logistic_size(z$value) / softplus)
  loose <- select(tail, 0, a$radius / pmax(softplus - a$radius, 0.5 * softplus))
  slope <- ball_round(ball_of(ratio, 0.5 * z$radius + ratio * loose), 32, 1)
  list(weigh_ball(y, terms), ball_scale(weigh_ball(y, slope), -1))
}

# -y ln a and a sum y - y.
softmax_categorical_balls <- function(z, a, y) {
  total <- ball_spread(ball_col_sums(y), nrow(y$value))
  delta <- ball_subtract(ball_multiply(widen_softmax(a), total), y)
  list(
    weigh_ball(y, ball_log_softmax(z)),
    ball_round(delta, 8, abs(a$value * total$value) + abs(y$value))
  )
}

# -y ln a - (1 - y) ln(1 - a) and n a_j - y_j - sum_k (1 - y_k) p_jk, p_jk the softmax over the units other than k.
softmax_binary_balls <- function(z, a, y) {
  n <- nrow(z$value)
  shifted <- ball_shifted(z)
  reach <- column_max(shifted$radius)
  normalizer <- log(colSums(exp(shifted$value)))
  rest_y <- ball_subtract(ball_exact(1), y)
  complement <- 0 * z$value
  wide <- widen_softmax(a)
  value <- n * wide$value - y$value
  radius <- n * wide$radius + y$radius
  size <- n * wide$value + abs(y$value)
  for (k in seq_len(n)) {
    others <- z$value
    others[k, ] <- -Inf
    top <- column_max(others)
    E <- exp(others - spread_rows(top, n))
    total <- colSums(E)
    complement[k, ] <- (top - column_max(z$value)) + log(total) - normalizer
    # p_jk moves by a factor of at most e^(2 reach), the largest change within the column
    reach_k <- reach + unit_roundoff * abs(top - column_max(z$value))
    p <- E / spread_rows(total, n)
    p <- ball_round(ball_of(p, p * spread_rows(expm1(2 * reach_k), n)), n + 2 * libm_roundings + 4)
    weight <- ball_of(spread_rows(rest_y$value[k, ], n), spread_rows(rest_y$radius[k, ], n))
    part <- ball_multiply(weight, p)
    value <- value - part$value
    radius <- radius + part$radius
    size <- size + abs(part$value)
  }
  scale <- 1 + abs(complement) + spread_rows(normalizer + column_max(abs(z$value)), n)
  logarithm <- ball_round(ball_of(complement, spread_rows(2 * reach, n)), n + 4 * libm_roundings + 8, scale)
  terms <- ball_add(weigh_ball(y, ball_log_softmax(z)), weigh_ball(rest_y, logarithm))
  list(terms, ball_round(ball_of(value, radius), n + 4, size))
}

PAIR_BALLS <- list(
  binary_cross_entropy = list(sigmoid = sigmoid_binary_balls, softmax = softmax_binary_balls),
  categorical_cross_entropy = list(
    sigmoid = sigmoid_categorical_balls,
    softplus = softplus_categorical_balls,
    softmax = softmax_categorical_balls
  )
)

# a - y, also when it is taken the long way, through a(1 - a) and its reciprocal: 16 roundings of |a| + |y|.
distance_ball <- function(a, y) ball_round(ball_subtract(a, y), 16, abs(a$value) + abs(y$value))

# The softmax values again, as another evaluation may have rounded them.
widen_softmax <- function(a) ball_round(a, nrow(a$value) + 2 * libm_roundings)

# Optimizers: the balls of the new parameter and of its memory.

# w - eta g.
sgd_balls <- function(p, g, memory, eta, hyper, count, is_weight) {
  list(ball_subtract(p, ball_scale(g, eta)), list())
}

# v = mu v - eta g, w + v.
momentum_balls <- function(p, g, memory, eta, hyper, count, is_weight) {
  velocity <- ball_subtract(ball_scale(memory[[1L]], hyper$momentum), ball_scale(g, eta))
  list(ball_add(p, velocity), list(velocity))
}

# v = mu v - eta g, w + mu v - eta g.
nesterov_balls <- function(p, g, memory, eta, hyper, count, is_weight) {
  step <- ball_scale(g, eta)
  velocity <- ball_subtract(ball_scale(memory[[1L]], hyper$momentum), step)
  ahead <- ball_subtract(ball_scale(velocity, hyper$momentum), step)
  size <- abs(p$value) + abs(velocity$value) + abs(step$value) # the three terms in any order
  list(ball_round(ball_add(p, ahead), 2, size), list(velocity))
}

# s = s + g^2, w - eta g / (sqrt(s) + epsilon).
adagrad_balls <- function(p, g, memory, eta, hyper, count, is_weight) {
  accumulator <- ball_add(memory[[1L]], ball_square(g))
  list(scaled_step_ball(p, g, accumulator, eta, hyper$epsilon), list(accumulator))
}

# v = rho v + (1 - rho) g^2, w - eta g / (sqrt(v) + epsilon).
rmsprop_balls <- function(p, g, memory, eta, hyper, count, is_weight) {
  v <- moving_average_ball(memory[[1L]], ball_square(g), hyper$rho)
  list(scaled_step_ball(p, g, v, eta, hyper$epsilon), list(v))
}

# m and v as moving averages of g and g^2, w - eta m_hat / (sqrt(v_hat) + epsilon).
adam_balls <- function(p, g, memory, eta, hyper, count, is_weight) {
  m <- moving_average_ball(memory[[1L]], g, hyper$beta1)
  v <- moving_average_ball(memory[[2L]], ball_square(g), hyper$beta2)
  m_hat <- ball_divide(m, bias_correction_ball(hyper$beta1, count))
  v_hat <- ball_divide(v, bias_correction_ball(hyper$beta2, count))
  list(scaled_step_ball(p, m_hat, v_hat, eta, hyper$epsilon), list(m, v))
}

# w - eta lambda w for weights, then Adam's step.
adamw_balls <- function(p, g, memory, eta, hyper, count, is_weight) {
  decayed <- if (is_weight) ball_round(ball_subtract(p, ball_scale(p, eta * hyper$weight_decay)), 2) else p
  adam_balls(decayed, g, memory, eta, hyper, count, is_weight)
}

OPTIMIZER_BALLS <- list(
  sgd = sgd_balls,
  momentum = momentum_balls,
  nesterov = nesterov_balls,
  adagrad = adagrad_balls,
  rmsprop = rmsprop_balls,
  adam = adam_balls,
  adamw = adamw_balls
)

# The balls of a new parameter and of its memory, by the optimizer's rule.
optimizer_balls <- function(optimizer, p, g, memory, count, is_weight) {
  eta <- optimizer$eta
  hyper <- optimizer$hyper
  if (optimizer$name %in% names(OPTIMIZER_BALLS)) {
    return(OPTIMIZER_BALLS[[optimizer$name]](p, g, memory, eta, hyper, count, is_weight))
  }
  inputs <- c(list(p, g), memory)
  results <- function(k, move) {
    values <- lapply(seq_along(inputs), function(i) if (i == k) move(inputs[[i]]) else inputs[[i]]$value)
    new <- OPTIMIZERS[[optimizer$name]]$update(values[[1L]], values[[2L]], values[-(1:2)], eta, hyper, count, is_weight)
    c(new[1L], new[[2L]])
  }
  centre <- results(1L, function(x) x$value)
  balls <- lapply(seq_along(centre), function(i) {
    value <- centre[[i]]
    radius <- 0 * value
    for (k in seq_along(inputs)) {
      above <- results(k, function(x) x$value + x$radius)[[i]]
      below <- results(k, function(x) x$value - x$radius)[[i]]
      radius <- radius + pmax(abs(above - value), abs(below - value))
    }
    ball_round(ball_of(value, radius), 64, abs(value) + abs(value - p$value))
  })
  list(balls[[1L]], balls[-1L])
}

# rate * memory + (1 - rate) * term.
moving_average_ball <- function(memory, term, rate) {
  ball_add(ball_scale(memory, rate), ball_round(ball_scale(term, 1 - rate), 2))
}

# 1 - rate^t, the power by libm or by t products.
bias_correction_ball <- function(rate, count) {
  power <- ball_round(ball_exact(rate^count), count + libm_roundings)
  ball_subtract(ball_exact(1), power)
}

# w - eta g / (sqrt(s) + epsilon), whose divisor is at least epsilon, however uncertain s may be.
scaled_step_ball <- function(p, g, squares, eta, epsilon) {
  step <- ball_divide(ball_scale(g, eta), ball_add(ball_sqrt(squares), ball_exact(epsilon)), 0.5 * epsilon)
  ball_subtract(p, ball_round(step, 8))
}

# g * min(1, clip_norm / |g|), the norm taken over all gradients.
clip_balls <- function(optimizer, gradients) {
  if (is.null(optimizer$clip_norm)) return(gradients)
  squares <- ball_exact(0)
  for (g in gradients) squares <- ball_add(squares, ball_total(ball_square(g)))
  norm <- ball_sqrt(squares)
  if (isTRUE(norm$value + norm$radius <= optimizer$clip_norm)) return(gradients)
  scale <- ball_divide(ball_exact(optimizer$clip_norm), norm)
  scale <- ball_of(pmin(scale$value, 1), scale$radius)
  lapply(gradients, function(g) ball_round(ball_multiply(g, scale), 2))
}

# One step: each quantity out of the measured balls of its inputs. `step` is a list with network, optimizer, the pairs
# of traces and inputs, the numbers of samples and layers, an environment for what has been measured so far, and whether
# infinite values are looked after.

# A quantity that both evaluations computed.
computed <- function(step, name) measured_once(step, name, step$traces, FALSE)

# What both evaluations started from: W1, b1, ..., Y, or the optimizer's memory.
started <- function(step, name) measured_once(step, name, step$inputs, TRUE)

# Measure a quantity of two sources, or recall it; where one lacks it or has another shape, everything is NaN.
measured_once <- function(step, name, sources, before) {
  key <- paste(name, before)
  if (is.null(step$measured[[key]])) {
    shape <- quantity_shape(name, step$network, step$samples)
    a <- sources[[1L]][[name]]
    b <- sources[[2L]][[name]]
    if (!has_shape(a, shape) || !has_shape(b, shape)) {
      a <- b <- if (length(shape) == 2L) matrix(NaN, shape[[1L]], shape[[2L]]) else rep(NaN, shape)
    }
    assign(key, measure_pair(a, b, step$careful), envir = step$measured)
  }
  step$measured[[key]]
}

# The ball of a quantity that both evaluations computed.
computed_ball <- function(step, name) ball_around(computed(step, name))

# The ball of what both evaluations started from.
started_ball <- function(step, name) ball_around(started(step, name))

# The words of layer l's activation.
layer_parts <- function(step, l) activation_parts(step$network$activations[[l]])

# Z[l] = W[l] A[l-1] + b[l]: the products and the bias, in any order.
Z_radius <- function(step, l) {
  W <- started(step, paste0("W", l))
  b <- started_ball(step, paste0("b", l))
  A <- computed(step, paste0("A", l - 1L))
  n <- ncol(W$value) + 1
  bias <- b$radius + gamma_bound(n) * (abs(b$value) + b$radius)
  product_radius(W, A, n) + bias
}

# A[l] = f_l(Z[l]).
A_radius <- function(step, l) {
  balls <- chain_balls(layer_parts(step, l), computed_ball(step, paste0("Z", l)), step$network)
  balls[[length(balls)]]$radius
}

# The terms of the loss, and deltaL = dC_i/dz; computed once, for both are needed.
output_balls <- function(step) {
  if (is.null(step$measured$output)) assign("output", compute_output_balls(step), envir = step$measured)
  step$measured$output
}

# The balls of `output_balls`.
compute_output_balls <- function(step) {
  network <- step$network
  L <- step$layers
  parts <- layer_parts(step, L)
  before_last <- parts[-length(parts)]
  Z <- computed_ball(step, paste0("Z", L))
  A <- computed_ball(step, paste0("A", L))
  Y <- ball_exact(started(step, "Y")$value) # targets are data: both had the same
  before <- chain_balls(before_last, Z, network)
  if (is.null(stable_pair(network))) {
    loss <- loss_balls(A, Y, network)
    return(list(loss[[1L]], backprop_balls(parts, c(before, list(A)), loss[[2L]], network)))
  }
  pair <- PAIR_BALLS[[network$loss]][[parts[[length(parts)]]]](before[[length(before)]], A, Y)
  list(pair[[1L]], backprop_balls(before_last, before, pair[[2L]], network))
}

# C = (1/m) sum_i C_i + l1 sum |W| + l2/2 sum W^2.
loss_radius <- function(step) {
  mean <- ball_round(ball_scale(ball_total(output_balls(step)[[1L]]), 1 / step$samples), 2)
  for (l in seq_len(step$layers)) {
    W <- started_ball(step, paste0("W", l))
    if (step$network$l1 > 0) mean <- ball_add(mean, ball_scale(ball_total(ball_abs(W)), step$network$l1))
    if (step$network$l2 > 0) mean <- ball_add(mean, ball_scale(ball_total(ball_square(W)), 0.5 * step$network$l2))
  }
  ball_round(mean, 4)$radius
}

# delta[l] = (W[l+1]' delta[l+1]) * f_l'(Z[l]); at the output dC_i/dz.
delta_radius <- function(step, l) {
  if (l == step$layers) return(output_balls(step)[[2L]]$radius)
  parts <- layer_parts(step, l)
  W <- measured_transpose(started(step, paste0("W", l + 1L)))
  delta <- computed(step, paste0("delta", l + 1L))
  dA <- ball_of(W$value %*% delta$value, product_radius(W, delta, ncol(W$value)))
  before <- chain_balls(parts[-length(parts)], computed_ball(step, paste0("Z", l)), step$network)
  backprop_balls(parts, c(before, list(computed_ball(step, paste0("A", l)))), dA, step$network)$radius
}

# dW[l] = (1/m) delta[l] A[l-1]' + l1 sign(W[l]) + l2 W[l]; 1/m may be taken into either factor.
dW_radius <- function(step, l) {
  network <- step$network
  m <- step$samples
  delta <- computed(step, paste0("delta", l))
  A <- measured_transpose(computed(step, paste0("A", l - 1L)))
  radius <- product_radius(delta, A, m + 4) / m
  if (network$l1 == 0 && network$l2 == 0) return(radius)
  W <- started_ball(step, paste0("W", l))
  dW <- ball_of(delta$value %*% A$value / m, radius)
  if (network$l1 > 0) dW <- ball_add(dW, ball_scale(ball_sign(W), network$l1))
  if (network$l2 > 0) dW <- ball_add(dW, ball_scale(W, network$l2))
  ball_round(dW, 2)$radius
}

# db[l] = (1/m) sum_i delta[l]_i.
db_radius <- function(step, l) {
  delta <- computed_ball(step, paste0("delta", l))
  rowSums(delta$radius + gamma_bound(step$samples + 4) * (abs(delta$value) + delta$radius)) / step$samples
}

# The new value of a parameter (W1), and its memory, by name.
update_balls <- function(step, parameter) {
  optimizer <- step$optimizer
  rule <- OPTIMIZERS[[optimizer$name]]
  names <- as.vector(outer(c("dW", "db"), seq_len(step$layers), paste0))
  if (is.null(optimizer$clip_norm)) names <- paste0("d", parameter)
  gradients <- clip_balls(optimizer, lapply(stats::setNames(nm = names), function(name) computed_ball(step, name)))
  memory <- if (length(rule$memory)) paste0(parameter, "_", rule$memory) else character()
  count <- if (isTRUE(rule$counts)) step$inputs[[1L]]$step_count + 1 else 0
  result <- optimizer_balls(
    optimizer,
    started_ball(step, parameter),
    gradients[[paste0("d", parameter)]],
    lapply(memory, function(name) started_ball(step, name)),
    count,
    startsWith(parameter, "W")
  )
  stats::setNames(c(result[1L], result[[2L]]), c(paste0(parameter, "_new"), memory))
}

LAYER_RADII <- list(Z = Z_radius, A = A_radius, delta = delta_radius, dW = dW_radius, db = db_radius)

# The radius of a quantity; NULL for what a step takes over without rounding: A0, step_count.
quantity_radius <- function(step, name) {
  if (name == "loss") return(loss_radius(step))
  if (name %in% c("A0", "step_count")) return(NULL)
  if (grepl("_", name, fixed = TRUE)) return(update_balls(step, sub("_.*", "", name))[[name]]$radius)
  letters <- sub("[0-9]+$", "", name)
  if (letters %in% names(LAYER_RADII)) LAYER_RADII[[letters]](step, as.integer(sub("^[A-Za-z]+", "", name))) else NULL
}

# The shape of a quantity or input: (n_l, n_{l-1}) for weights and theirs, n_l for biases, else (n_l, m).
quantity_shape <- function(name, network, samples) {
  if (name == "Y") return(c(network$sizes[[length(network$sizes)]], samples))
  stem <- sub("_.*", "", name)
  l <- as.integer(gsub("[^0-9]", "", stem))
  kind <- gsub("[0-9]", "", stem)
  if (kind %in% c("Z", "A", "delta")) return(c(network$sizes[[l + 1L]], samples))
  if (kind %in% c("W", "dW")) c(network$sizes[[l + 1L]], network$sizes[[l]]) else network$sizes[[l + 1L]]
}

# The largest difference that rounding can cause, element by element, between two evaluations of one step: quantity ->
# array of its shape. A quantity that is copied and not computed has the bound 0; where a bound cannot be had (an input
# is missing, misshapen or not finite) it is NaN. inputs_a and inputs_b are what each step was computed from, W1, b1,
# ..., Y and the state (the traces' own unless given); `quantities` says which bounds to compute (all of trace_a unless
# given).
step_bounds <- function(network, optimizer, trace_a, trace_b, inputs_a = NULL, inputs_b = NULL, quantities = NULL) {
  if (is.null(inputs_a)) inputs_a <- inputs_of(trace_a, "first")
  if (is.null(inputs_b)) inputs_b <- inputs_of(trace_b, "second", inputs_a)
  step <- list(
    network = network, optimizer = optimizer, traces = list(trace_a, trace_b), inputs = list(inputs_a, inputs_b),
    samples = ncol(inputs_a$Y), layers = length(network$sizes) - 1L, measured = new.env(),
    careful = FALSE
  )
  if (is.null(quantities)) quantities <- names(trace_a)
  suppressWarnings(lapply(stats::setNames(nm = quantities), function(name) {
    radius <- quantity_radius(step, name)
    if (!is.null(radius) && !is.finite(sum(radius))) {
      step$measured <- new.env()
      step$careful <- TRUE
      radius <- quantity_radius(step, name)
    }
    if (is.null(radius)) 0 * (seq_along(trace_a[[name]]) > 0) else 2 * bound_safety * radius + bound_underflow
  }))
}

# What a trace's step was computed from: its own record, quantities of that name in it, or those of the other trace.
inputs_of <- function(trace, which, otherwise = NULL) {
  inputs <- attr(trace, "inputs")
  if (is.null(inputs)) inputs <- if ("Y" %in% names(trace)) trace else otherwise
  if (is.null(inputs)) {
    stop_input(sprintf(
      "rounding bounds need the weights, biases and targets that the %s trace started from, and it has none", which
    ))
  }
  inputs
}

# Whether a value is there and has that shape.
has_shape <- function(value, shape) {
  if (is.null(value)) return(FALSE)
  if (length(shape) == 2L) identical(as.numeric(dim(value)), as.numeric(shape)) else length(value) == shape
}
