# Activation functions: value, derivative and the way back through them, each in a form that holds up at z = +-1000.
#
# Adding one is one entry in ACTIVATIONS. Words joined by "+" make a composition, applied from left to right:
# `relu+softmax` is softmax(relu(z)).

# a = z
linear_value <- function(Z, network, arithmetic) {
  Z
}

# a' = 1
linear_derivative <- function(Z, A, network, arithmetic) {
  matrix(1, nrow(Z), ncol(Z))
}

# In e a a, e^-z is held here (z = -693): where it overflows and a is 0, Inf * 0 would be no number.
LARGEST_EXPONENTIAL <- 2^1000

# sigma(z) = 1/(1 + e^-z), 0 where the exponential overflows (Nielsen, equation 3).
logistic <- function(Z, arithmetic) {
  1 / (1 + arithmetic$exp(-Z))
}

# sigma'(z) = e^-z a a with a = sigma(z). The usual a(1 - a) is the same, but loses all digits where a rounds to 1.
logistic_derivative <- function(Z, arithmetic) {
  E <- arithmetic$exp(-Z)
  A <- 1 / (1 + E)
  E[E > LARGEST_EXPONENTIAL] <- LARGEST_EXPONENTIAL
  E * A * A
}

# a = 1 / (1 + e^-z)
sigmoid_value <- function(Z, network, arithmetic) {
  logistic(Z, arithmetic)
}

# a' = a (1 - a)
sigmoid_derivative <- function(Z, A, network, arithmetic) {
  logistic_derivative(Z, arithmetic)
}

# a = tanh z
tanh_value <- function(Z, network, arithmetic) {
  arithmetic$tanh(Z)
}

# a' = 1 - a^2 = 4 e / (1 + e)^2 with e = exp(-2|z|), which keeps its digits where a rounds to 1
tanh_derivative <- function(Z, A, network, arithmetic) {
  E <- arithmetic$exp(-2 * abs(Z))
  4 * E / ((1 + E) * (1 + E))
}

# a = max(z, 0)
relu_value <- function(Z, network, arithmetic) {
  select(Z < 0, 0, Z)
}

# a' = 1 where z > 0, else 0 (0 at z = 0)
relu_derivative <- function(Z, A, network, arithmetic) {
  select(Z > 0, 1, 0)
}

# a = z where z > 0, else slope z
leaky_relu_value <- function(Z, network, arithmetic) {
  select(Z > 0, Z, network$slope * Z)
}

# a' = 1 where z > 0, else slope (slope at z = 0)
leaky_relu_derivative <- function(Z, A, network, arithmetic) {
  select(Z > 0, 1, network$slope)
}

# a = z where z > 0, else alpha (e^z - 1)
elu_value <- function(Z, network, arithmetic) {
  select(Z > 0, Z, network$elu_alpha * arithmetic$expm1(-abs(Z)))
}

# a' = 1 where z > 0, else alpha e^z
elu_derivative <- function(Z, A, network, arithmetic) {
  select(Z > 0, 1, network$elu_alpha * arithmetic$exp(-abs(Z)))
}

# a = ln(1 + e^z) = max(z, 0) + ln(1 + e^-|z|)
softplus_value <- function(Z, network, arithmetic) {
  select(Z > 0, Z, 0) + arithmetic$log1p(arithmetic$exp(-abs(Z)))
}

# a' = sigma(z)
softplus_derivative <- function(Z, A, network, arithmetic) {
  logistic(Z, arithmetic)
}

# 2 sqrt(2/pi): gelu's tanh form 1/2 z (1 + tanh u) is z sigma(2u) with 2u = GELU_SCALE (z + 0.044715 z^3).
GELU_SCALE <- 2 * sqrt(2 / pi)
GELU_CUBIC <- 0.044715

# a = z/2 (1 + tanh u) = z sigma(2u): no cancellation for negative z (Hendrycks and Gimpel, Gaussian Error Linear Units)
gelu_value <- function(Z, network, arithmetic) {
  Z * logistic(GELU_SCALE * (Z + GELU_CUBIC * (Z * Z * Z)), arithmetic)
}

# a' = sigma(2u) + z sigma'(2u) (2u)'
gelu_derivative <- function(Z, A, network, arithmetic) {
  U <- GELU_SCALE * (Z + GELU_CUBIC * (Z * Z * Z))
  steepness <- logistic_derivative(U, arithmetic)
  slope <- Z * (GELU_SCALE * (1 + 3 * GELU_CUBIC * (Z * Z)))
  logistic(U, arithmetic) + select(steepness == 0, 0, steepness * slope)
}

# a = z sigma(z)
silu_value <- function(Z, network, arithmetic) {
  Z * logistic(Z, arithmetic)
}

# a' = sigma(z) + z sigma'(z)
silu_derivative <- function(Z, A, network, arithmetic) {
  logistic(Z, arithmetic) + Z * logistic_derivative(Z, arithmetic)
}

# The largest value of each column.
column_max <- function(Z) {
  do.call(pmax, lapply(seq_len(nrow(Z)), function(unit) Z[unit, ]))
}

# z - max_k z_k in each column, so that the largest exponential is 1.
softmax_shift <- function(Z) {
  Z - rep(column_max(Z), each = nrow(Z))
}

# a_j = e^(z_j - max z) / sum_k e^(z_k - max z), each column by itself (Nielsen, equation 78)
softmax_value <- function(Z, network, arithmetic) {
  E <- arithmetic$exp(softmax_shift(Z))
  E / rep(arithmetic$col_sums(E), each = nrow(Z))
}

# dC/dz_j = sum_k dC/da_k a_k ([j = k] - a_j) = a_j (dC/da_j - sum_k a_k dC/da_k)
softmax_backprop <- function(Z, A, dA, network, arithmetic) {
  A * (dA - rep(arithmetic$col_sums(A * dA), each = nrow(A)))
}

# One entry for each activation function f of a layer, n units x m samples.
#   value(Z, network, arithmetic)               A = f(Z)
#   derivative(Z, A, network, arithmetic)       f'(Z) elementwise; NULL where a unit's output depends on other units, too
#   backprop(Z, A, dA, network, arithmetic)     only where derivative is NULL: dC_i/dz out of dA = dC_i/da
ACTIVATIONS <- list(
  linear = list(value = linear_value, derivative = linear_derivative),
  sigmoid = list(value = sigmoid_value, derivative = sigmoid_derivative),
  tanh = list(value = tanh_value, derivative = tanh_derivative),
  relu = list(value = relu_value, derivative = relu_derivative),
  leaky_relu = list(value = leaky_relu_value, derivative = leaky_relu_derivative),
  elu = list(value = elu_value, derivative = elu_derivative),
  softplus = list(value = softplus_value, derivative = softplus_derivative),
  gelu = list(value = gelu_value, derivative = gelu_derivative),
  silu = list(value = silu_value, derivative = silu_derivative),
  softmax = list(value = softmax_value, derivative = NULL, backprop = softmax_backprop)
)

# The words of a composition in the order in which they are applied: "relu+softmax" gives relu, softmax.
activation_parts <- function(name) {
  strsplit(name, "+", fixed = TRUE)[[1L]]
}

# The name itself when it is a word of ACTIVATIONS or words joined by "+"; otherwise an input error.
check_activation <- function(name, what = "activation") {
  if (!is.character(name) || length(name) != 1L || is.na(name) || name %in% c("", "+") || endsWith(name, "+")) {
    check_word(name, names(ACTIVATIONS), what)
  }
  for (part in activation_parts(name)) check_word(part, names(ACTIVATIONS), what)
  name
}

# Z, then the value after each part of a composition: one matrix more than there are parts.
chain_values <- function(parts, Z, network, arithmetic) {
  values <- list(Z)
  for (k in seq_along(parts)) values[[k + 1L]] <- ACTIVATIONS[[parts[k]]]$value(values[[k]], network, arithmetic)
  values
}

# dC_i/dz out of dC_i/da, back through the parts of a composition, whose values are those of `chain_values`.
chain_backprop <- function(parts, values, dA, network, arithmetic) {
  for (k in rev(seq_along(parts))) {
    activation <- ACTIVATIONS[[parts[k]]]
    Z <- values[[k]]
    A <- values[[k + 1L]]
    dA <- if (!is.null(activation$derivative)) {
      # delta = dC/da * f'(z)
      dA * activation$derivative(Z, A, network, arithmetic)
    } else {
      activation$backprop(Z, A, dA, network, arithmetic)
    }
  }
  dA
}

# A = f(Z), n x m, the activation of a layer: `name` is a word of ACTIVATIONS, or a composition such as "relu+softmax".
activate <- function(name, Z, network, arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  parts <- activation_parts(check_activation(name))
  Z <- check_matrix(Z, "Z")
  values <- chain_values(parts, Z, network, arithmetic)
  values[[length(values)]]
}

# f'(Z) of an elementwise activation, or of a composition of such, n x m; softmax has no such derivative (an input
# error).
activation_derivative <- function(name, Z, A, network, arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  parts <- activation_parts(check_activation(name))
  whole <- Filter(function(part) is.null(ACTIVATIONS[[part]]$derivative), parts)
  if (length(whole) > 0L) {
    stop_input(paste0(
      "activation_derivative needs an elementwise activation, and ", whole[1L],
      " has a whole Jacobian: use backprop_activation"
    ))
  }
  Z <- check_matrix(Z, "Z")
  A <- check_matrix(A, "A", nrow(Z), ncol(Z))
  values <- if (length(parts) == 1L) list(Z, A) else chain_values(parts, Z, network, arithmetic)
  chain_backprop(parts, values, matrix(1, nrow(Z), ncol(Z)), network, arithmetic)
}

# delta = dC_i/dz out of dA = dC_i/da, n x m: times f'(Z) for elementwise activations, the whole Jacobian for softmax.
backprop_activation <- function(name, Z, A, dA, network, arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  parts <- activation_parts(check_activation(name))
  Z <- check_matrix(Z, "Z")
  A <- check_matrix(A, "A", nrow(Z), ncol(Z))
  dA <- check_matrix(dA, "dA", nrow(Z), ncol(Z))
  values <- if (length(parts) == 1L) list(Z, A) else chain_values(parts, Z, network, arithmetic)
  chain_backprop(parts, values, dA, network, arithmetic)
}
