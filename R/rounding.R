# Balls: a value and a radius that no correct evaluation can leave, whatever its order of summation, its BLAS or its
# libm.
#
# The model is the standard one (Higham, Accuracy and Stability of Numerical Algorithms, 2nd edition, sections 2.2, 3.1
# and 3.3): fl(x op y) = (x op y)(1 + d), |d| <= u; a sum of n products in any order, with or without FMA, is off by at
# most gamma_n |x|'|y|; an elementary function by libm_ulps. Underflow is added at the end (bounds.R). docs/rounding.md
# derives every line.

unit_roundoff <- 2^-53
smallest_subnormal <- 2^-1074
libm_ulps <- 4
libm_roundings <- 2 * libm_ulps # an ulp of x is at most 2 u |x|

# All numbers within `radius` of `value`, elementwise (Python: a named tuple).
ball_of <- function(value, radius) list(value = value, radius = radius)

# gamma_n = n u / (1 - n u): the relative error that n roundings can build up (Higham, lemma 3.1).
gamma_bound <- function(n) n * unit_roundoff / (1 - n * unit_roundoff)

# A ball around values that are known exactly.
ball_exact <- function(value) ball_of(value, 0 * (value == value))

# The ball after n more roundings, of numbers as large as itself or as `scale`.
ball_round <- function(x, n, scale = NULL) {
  if (is.null(scale)) scale <- abs(x$value) + x$radius
  ball_of(x$value, x$radius + gamma_bound(n) * scale)
}

# x + y.
ball_add <- function(x, y) ball_round(ball_of(x$value + y$value, x$radius + y$radius), 1)

# x - y.
ball_subtract <- function(x, y) ball_round(ball_of(x$value - y$value, x$radius + y$radius), 1)

# factor * x, the factor known exactly.
ball_scale <- function(x, factor) ball_round(ball_of(factor * x$value, abs(factor) * x$radius), 1)

# x * y: |x + dx||y + dy| - |x||y| is at most |x| dy + dx |y| + dx dy.
ball_multiply <- function(x, y) {
  radius <- abs(x$value) * y$radius + x$radius * (abs(y$value) + y$radius)
  ball_round(ball_of(x$value * y$value, radius), 1)
}

# x / y: the radius is (dx + |x/y| dy) / (|y| - dy), infinite where y may be 0; |y| is known to be at least `least`.
ball_divide <- function(x, y, least = 0) {
  value <- x$value / y$value
  nearest <- pmax(abs(y$value) - y$radius, least)
  certain <- nearest > 0 & value == value # in the shape of the value, for y may be one number
  ball_round(ball_of(value, select(certain, (x$radius + abs(value) * y$radius) / nearest, Inf)), 1)
}

# x^2: the radius is (2 |x| + dx) dx.
ball_square <- function(x) ball_round(ball_of(x$value * x$value, (2 * abs(x$value) + x$radius) * x$radius), 1)

# sqrt(x) of numbers that cannot be negative: |sqrt(x) - sqrt(x - d)| = d / (sqrt(x) + sqrt(x - d)).
ball_sqrt <- function(x) {
  value <- sqrt(x$value)
  down <- pmin(x$radius, x$value)
  below <- value + sqrt(x$value - down)
  above <- value + sqrt(x$value + x$radius)
  radius <- pmax(select(below > 0, down / below, 0), select(above > 0, x$radius / above, 0))
  ball_round(ball_of(value, radius), 1)
}

# ln x: the radius is dx / (x - dx), infinite where x may be 0.
ball_log <- function(x) {
  nearest <- x$value - x$radius
  radius <- select(nearest > 0, x$radius / nearest, Inf)
  ball_round(ball_of(log(x$value), radius), libm_roundings)
}

# |x|.
ball_abs <- function(x) ball_of(abs(x$value), x$radius)

# `above` where x > 0 and `below` elsewhere; the whole jump where both sides are possible.
ball_step <- function(x, below, above) {
  either <- abs(x$value) <= x$radius & x$radius > 0
  ball_of(select(x$value > 0, above, below), select(either, abs(above - below), 0))
}

# sign(x), with sign(0) = 0; the whole jump where both signs are possible.
ball_sign <- function(x) {
  either <- abs(x$value) <= x$radius & x$radius > 0
  ball_of(sign(x$value), select(either, 2, 0))
}

# x moved into [-limit, limit].
ball_clip <- function(x, limit) ball_of(pmax(pmin(x$value, limit), -limit), x$radius)

# The sum of each column, of n terms in any order.
ball_col_sums <- function(x) {
  n <- nrow(x$value)
  ball_of(colSums(x$value), sum_radius(colSums(x$radius), colSums(abs(x$value)), n))
}

# One value per column, repeated for n rows.
ball_spread <- function(x, n) ball_of(spread_rows(x$value, n), spread_rows(x$radius, n))

# The sum of all elements in any order.
ball_total <- function(x) ball_of(sum(x$value), sum_radius(sum(x$radius), sum(abs(x$value)), length(x$value)))

# The radius of a sum of n terms whose radii add up to `radius` and whose sizes to `size`: n - 1 additions.
sum_radius <- function(radius, size, n) radius + gamma_bound(n) * (size + radius)

# Whether two arrays have the same shape and values.
equal_arrays <- function(a, b) length(a) == length(b) && identical(dim(a), dim(b)) && isTRUE(all(a == b))

# Measure two arrays of one shape: list(value =, size =, moved =), a value of the first, its size, and how far off the
# second is (NULL where both are equal). Carefully, equal infinities are no distance apart and no rounding changes them.
measure_pair <- function(a, b, careful = FALSE) {
  if (careful) {
    return(list(value = a, size = select(is.finite(a), abs(a), 0), moved = select(a == b, 0, abs(a - b))))
  }
  list(value = a, size = abs(a), moved = if (!equal_arrays(a, b)) abs(a - b))
}

# The transpose of a matrix.
measured_transpose <- function(x) {
  list(value = t(x$value), size = t(x$size), moved = if (!is.null(x$moved)) t(x$moved))
}

# The ball as far as the second value and half an ulp: a value may be used before it is rounded to the double in the
# trace.
ball_around <- function(x) {
  if (is.null(x$moved)) return(ball_of(x$value, unit_roundoff * x$size))
  ball_of(x$value, x$moved + unit_roundoff * (x$size + x$moved))
}

# The radius of x y after n roundings in any order (Higham, equation 3.13): (gamma |x| + dx)(|y| + dy) + |x| dy. Three
# more roundings are those of the factors, which may be used before they are rounded to the doubles in the trace.
product_radius <- function(x, y, n) {
  outer <- gamma_bound(n + 3) * x$size
  rim <- y$size
  if (!is.null(x$moved)) outer <- outer + (1 + gamma_bound(n + 3)) * x$moved
  if (is.null(y$moved)) return(outer %*% rim)
  outer %*% (rim + y$moved) + x$size %*% y$moved
}

# sigma(z) = 1 / (1 + e^-z), as a plain number for the size of a radius.
logistic_size <- function(z) 1 / (1 + exp(-z))

# ln(1 + e^z), as a plain number.
softplus_size <- function(z) pmax(z, 0) + log1p(exp(-abs(z)))

# The largest e^-|rate z| over the ball.
steepest <- function(x, rate = 1) exp(-rate * pmax(abs(x$value) - x$radius, 0))

# sigma(z): |sigma'| <= e^-|z|, and 1/4; 16 roundings of 1 admit 1/(1 + e^-z) and (1 + tanh(z/2))/2 alike.
ball_logistic <- function(x) {
  radius <- pmin(steepest(x), 0.25) * x$radius
  ball_round(ball_of(logistic_size(x$value), radius), 16, 1)
}

# sigma'(z): |sigma''| <= e^-|z|, and 1/10; 16 roundings of 1 admit e/(1 + e)^2 and a(1 - a) alike.
ball_logistic_slope <- function(x) {
  a <- logistic_size(-abs(x$value))
  radius <- pmin(steepest(x), 0.1) * x$radius
  ball_round(ball_of(a * (1 - a), radius), 16, 1)
}

# tanh z: |tanh'| <= 4 e^-2|z|, and 1; 32 roundings of 1 admit the forms with e^z, e^2z and sigma(2z).
ball_tanh <- function(x) {
  radius <- pmin(4 * steepest(x, 2), 1) * x$radius
  ball_round(ball_of(tanh(x$value), radius), 32, 1)
}

# 1 - tanh(z)^2: |tanh''| <= 8 e^-2|z|, and 1; 64 roundings of 1 admit 1 - a^2 and 4e/(1 + e)^2 alike.
ball_tanh_slope <- function(x) {
  radius <- pmin(8 * steepest(x, 2), 1) * x$radius
  ball_round(ball_of(1 - tanh(x$value)^2, radius), 64, 1)
}

# ln(1 + e^z): its derivative sigma is largest at the upper end; 16 roundings of max(z, 0) + 1.
ball_softplus <- function(x) {
  value <- softplus_size(x$value)
  ball_round(ball_of(value, logistic_size(x$value + x$radius) * x$radius), 16, value + 1)
}

# z - max z in each column, the shift common to numerator and denominator of a softmax.
ball_shifted <- function(x) {
  value <- x$value - spread_rows(column_max(x$value), nrow(x$value))
  ball_of(value, x$radius + unit_roundoff * abs(value))
}

# e^z_j / sum e^z_k in each column: with dz the largest change in the column, a_j moves by a factor of at most e^(dz_j +
# dz).
ball_softmax <- function(x) {
  n <- nrow(x$value)
  shifted <- ball_shifted(x)
  E <- exp(shifted$value)
  value <- E / spread_rows(colSums(E), n)
  radius <- value * expm1(shifted$radius + spread_rows(column_max(shifted$radius), n))
  ball_round(ball_of(value, radius), n + 2 * libm_roundings + 4)
}

# ln softmax(z) in each column, from z or as the logarithm of the softmax.
ball_log_softmax <- function(x) {
  n <- nrow(x$value)
  shifted <- ball_shifted(x)
  normalizer <- spread_rows(log(colSums(exp(shifted$value))), n)
  value <- shifted$value - normalizer
  radius <- shifted$radius + spread_rows(column_max(shifted$radius), n)
  size <- 1 + abs(value) + normalizer + spread_rows(column_max(abs(x$value)), n)
  ball_round(ball_of(value, radius), n + 3 * libm_roundings + 8, size)
}

# One value per column, repeated for n rows.
spread_rows <- function(values, n) matrix(values, n, length(values), byrow = TRUE)
