# Loss functions: value and derivative, and the stable forms where a logarithm meets the exponential of its output
# activation.
#
# Adding a loss is one entry in LOSSES. The value of a network's loss is the mean over the samples, plus the penalties
# on its weights.

# C_i = 1/2 sum (a - y)^2 (Nielsen, equation 6).
quadratic_value <- function(A, Y, network, arithmetic) {
  R <- A - Y
  0.5 * (R * R)
}

# dC_i/da = a - y.
quadratic_gradient <- function(A, Y, network, arithmetic) {
  A - Y
}

# C_i = sum (a - y)^2 / n.
mean_squared_error_value <- function(A, Y, network, arithmetic) {
  R <- A - Y
  R * R / nrow(A)
}

# dC_i/da = 2 (a - y) / n.
mean_squared_error_gradient <- function(A, Y, network, arithmetic) {
  2 * (A - Y) / nrow(A)
}

# C_i = sum |a - y| / n.
mean_absolute_error_value <- function(A, Y, network, arithmetic) {
  abs(A - Y) / nrow(A)
}

# dC_i/da = sign(a - y) / n, with sign(0) = 0.
mean_absolute_error_gradient <- function(A, Y, network, arithmetic) {
  sign(A - Y) / nrow(A)
}

# C_i = sum h(a - y) / n with h(r) = r^2/2 for |r| <= delta, else delta (|r| - delta/2) (Huber 1964).
huber_value <- function(A, Y, network, arithmetic) {
  R <- A - Y
  size <- abs(R)
  far <- network$huber_delta * (size - 0.5 * network$huber_delta)
  select(size > network$huber_delta, far, 0.5 * (R * R)) / nrow(A)
}

# dC_i/da = r / n for |r| <= delta, else delta sign(r) / n, with r = a - y.
huber_gradient <- function(A, Y, network, arithmetic) {
  R <- A - Y
  select(abs(R) > network$huber_delta, network$huber_delta * sign(R), R) / nrow(A)
}

# C_i = -sum [y ln a + (1 - y) ln(1 - a)] (Nielsen, equation 63).
binary_cross_entropy_value <- function(A, Y, network, arithmetic) {
  -(Y * arithmetic$log(A) + (1 - Y) * arithmetic$log1p(-A))
}

# dC_i/da = (1 - y)/(1 - a) - y/a.
binary_cross_entropy_gradient <- function(A, Y, network, arithmetic) {
  (1 - Y) / (1 - A) - Y / A
}

# C_i = -sum y ln a (Bishop, equation 5.24).
categorical_cross_entropy_value <- function(A, Y, network, arithmetic) {
  -(Y * arithmetic$log(A))
}

# dC_i/da = -y / a.
categorical_cross_entropy_gradient <- function(A, Y, network, arithmetic) {
  -(Y / A)
}

# One entry for each loss C_i of a sample with outputs a and targets y, n_L units.
#   value(A, Y, network, arithmetic)        the terms of C_i, n_L x m; C_i is their sum over units
#   gradient(A, Y, network, arithmetic)     dC_i/da, n_L x m
#   above, below                            outputs must lie strictly between them
LOSSES <- list(
  quadratic = list(value = quadratic_value, gradient = quadratic_gradient, above = -Inf, below = Inf),
  mean_squared_error = list(
    value = mean_squared_error_value, gradient = mean_squared_error_gradient, above = -Inf, below = Inf
  ),
  mean_absolute_error = list(
    value = mean_absolute_error_value, gradient = mean_absolute_error_gradient, above = -Inf, below = Inf
  ),
  huber = list(value = huber_value, gradient = huber_gradient, above = -Inf, below = Inf),
  binary_cross_entropy = list(
    value = binary_cross_entropy_value, gradient = binary_cross_entropy_gradient, above = 0, below = 1
  ),
  categorical_cross_entropy = list(
    value = categorical_cross_entropy_value, gradient = categorical_cross_entropy_gradient, above = 0, below = Inf
  )
)

# Y times terms, with 0 * Inf = 0: what has no weight does not count.
weigh <- function(Y, terms) {
  select(Y == 0, 0, Y * terms)
}

# ln sum_k e^(z_k - max z) for each column, out of z - max z: ln(1 + the rest) keeps its digits where the rest is tiny.
log_sum <- function(shifted, arithmetic) {
  peak <- shifted == 0
  peaks <- select(peak, 1, 0)
  rest <- select(peak, 0, arithmetic$exp(shifted))
  arithmetic$log1p((arithmetic$col_sums(peaks) - 1) + arithmetic$col_sums(rest))
}

# -y ln a = y (ln sum_k e^(z_k - max z) - (z - max z)).
softmax_categorical_value <- function(Z, Y, arithmetic) {
  shifted <- softmax_shift(Z)
  weigh(Y, rep(log_sum(shifted, arithmetic), each = nrow(Z)) - shifted)
}

# dC_i/dz = a sum_k y_k - y, which is a - y for targets that sum to 1 (Bishop, section 5.2).
softmax_categorical_delta <- function(Z, A, Y, arithmetic) {
  A * rep(arithmetic$col_sums(Y), each = nrow(Y)) - Y
}

# -y ln sigma(z) - (1 - y) ln sigma(-z) = |z| (1 - y for z >= 0, else y) + ln(1 + e^-|z|).
sigmoid_binary_value <- function(Z, Y, arithmetic) {
  size <- abs(Z)
  weigh(select(Z >= 0, 1 - Y, Y), size) + arithmetic$log1p(arithmetic$exp(-size))
}

# dC_i/dz = a - y (Nielsen, equation 68).
sigmoid_binary_delta <- function(Z, A, Y, arithmetic) {
  A - Y
}

# -y ln sigma(z) = y (max(-z, 0) + ln(1 + e^-|z|)).
sigmoid_categorical_value <- function(Z, Y, arithmetic) {
  weigh(Y, select(Z < 0, -Z, 0) + arithmetic$log1p(arithmetic$exp(-abs(Z))))
}

# dC_i/dz = -y sigma(-z).
sigmoid_categorical_delta <- function(Z, A, Y, arithmetic) {
  -(Y * logistic(-Z, arithmetic))
}

# Below this z, ln(1 + e^z) is e^z, and its logarithm z, to the last bit.
SOFTPLUS_TAIL <- -37

# -y ln a with a = ln(1 + e^z), whose logarithm is z in the lower tail.
softplus_categorical_value <- function(Z, Y, arithmetic) {
  A <- select(Z > 0, Z, 0) + arithmetic$log1p(arithmetic$exp(-abs(Z)))
  -weigh(Y, select(Z < SOFTPLUS_TAIL, Z, arithmetic$log(A)))
}

# dC_i/dz = -y sigma(z)/a, and sigma(z)/a is 1 in the lower tail.
softplus_categorical_delta <- function(Z, A, Y, arithmetic) {
  -(Y * select(Z < SOFTPLUS_TAIL, 1, logistic(Z, arithmetic) / A))
}

# Softmax over the units other than k: its max z and ln sum e^(z - max z), one for each sample, and its values (0 in row
# k).
softmax_without <- function(Z, k, arithmetic) {
  others <- Z
  others[k, ] <- -Inf
  shifted <- softmax_shift(others)
  E <- arithmetic$exp(shifted)
  list(
    top = column_max(others),
    sum = log_sum(shifted, arithmetic),
    values = E / rep(arithmetic$col_sums(E), each = nrow(Z))
  )
}

# -y ln a - (1 - y) ln(1 - a), where 1 - a_k is what softmax gives to the units other than k.
softmax_binary_value <- function(Z, Y, arithmetic) {
  shifted <- softmax_shift(Z)
  top <- column_max(Z)
  whole <- log_sum(shifted, arithmetic)
  A <- arithmetic$exp(shifted - rep(whole, each = nrow(Z)))
  terms <- weigh(Y, rep(whole, each = nrow(Z)) - shifted)
  for (k in seq_len(nrow(Z))) {
    without <- softmax_without(Z, k, arithmetic)
    # ln(1 - a_k) = ln sum_(j != k) e^z_j - ln sum_j e^z_j; for small a_k, log1p keeps the digits
    small <- arithmetic$log1p(-select(A[k, ] < 0.5, A[k, ], 0))
    complement <- select(A[k, ] < 0.5, small, (without$top - top) + (without$sum - whole))
    terms[k, ] <- terms[k, ] - weigh(1 - Y[k, ], complement)
  }
  terms
}

# dC_i/dz_j = n a_j - y_j - sum_(k != j) (1 - y_k) p_jk, with p_jk the softmax over the units other than k.
softmax_binary_delta <- function(Z, A, Y, arithmetic) {
  delta <- nrow(A) * A - Y
  for (k in seq_len(nrow(Z))) {
    delta <- delta - rep(1 - Y[k, ], each = nrow(Z)) * softmax_without(Z, k, arithmetic)$values
  }
  delta
}

# Where an output activation's logarithm has a form in Z that neither overflows nor loses digits.
#   value(Z, Y, arithmetic)        the terms of C_i, n_L x m
#   delta(Z, A, Y, arithmetic)     dC_i/dz, n_L x m
STABLE_PAIRS <- list(
  binary_cross_entropy = list(
    sigmoid = list(value = sigmoid_binary_value, delta = sigmoid_binary_delta),
    softmax = list(value = softmax_binary_value, delta = softmax_binary_delta)
  ),
  categorical_cross_entropy = list(
    sigmoid = list(value = sigmoid_categorical_value, delta = sigmoid_categorical_delta),
    softplus = list(value = softplus_categorical_value, delta = softplus_categorical_delta),
    softmax = list(value = softmax_categorical_value, delta = softmax_categorical_delta)
  )
)

# The stable form of the network's loss and the last part of its output activation, or NULL where it needs none.
stable_pair <- function(network) {
  parts <- activation_parts(network$activations[length(network$activations)])
  last <- parts[length(parts)]
  if (last == "softmax" && network$sizes[length(network$sizes)] == 1) {
    return(NULL) # the softmax of one unit is always 1: 1 - a has no logarithm
  }
  STABLE_PAIRS[[network$loss]][[last]]
}

# An input error when an output lies outside the loss's domain, naming the first sample, its unit and the value.
check_domain <- function(network, A) {
  loss <- LOSSES[[network$loss]]
  if (is.infinite(loss$above)) return(invisible())
  wrong <- which(A <= loss$above | A >= loss$below)
  if (length(wrong) > 0L) {
    place <- arrayInd(wrong[1L], dim(A))
    limits <- paste0("above ", loss$above, if (is.finite(loss$below)) paste0(" and below ", loss$below))
    stop_input(paste0(
      network$loss, " is defined for outputs ", limits, ", and in sample ", place[2L],
      " output unit ", place[1L], " is ", describe(A[wrong[1L]])
    ))
  }
}

# lambda_1 sum |W| + (lambda_2/2) sum W^2 over all weights, not biases (Nielsen, equations 87 and 95, without their
# 1/n).
penalty <- function(network, W, arithmetic) {
  value <- 0
  for (weights in W) {
    if (network$l1 > 0) value <- value + network$l1 * arithmetic$total(abs(weights))
    if (network$l2 > 0) value <- value + 0.5 * network$l2 * arithmetic$total(weights * weights)
  }
  value
}

# C = (1/m) sum_i C_i + lambda_1 sum |W| + (lambda_2/2) sum W^2, one number.
# W: list of weights, used by the penalties. Z, A: lists of `forward`; the last of each is used. Y: n_L x m, targets.
# An input error where an output lies outside the loss's domain, for example the cross-entropy of an output <= 0.
loss_value <- function(network, W, Z, A, Y, arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  Y <- check_matrix(Y, "Y", nrow(A[[length(A)]]), ncol(A[[length(A)]]))
  pair <- stable_pair(network)
  if (is.null(pair)) {
    check_domain(network, A[[length(A)]])
    terms <- LOSSES[[network$loss]]$value(A[[length(A)]], Y, network, arithmetic)
  } else {
    parts <- activation_parts(network$activations[length(network$activations)])
    values <- chain_values(parts[-length(parts)], Z[[length(Z)]], network, arithmetic)
    terms <- pair$value(values[[length(values)]], Y, arithmetic)
  }
  # C = (1/m) sum_i C_i + penalties
  arithmetic$total(arithmetic$col_sums(terms)) / ncol(Y) + penalty(network, W, arithmetic)
}

# dC_i/da of each sample's loss with respect to the outputs, n_L x m, without 1/m.
# An input error where an output lies outside the loss's domain.
loss_gradient <- function(network, A_L, Y, arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  A_L <- check_matrix(A_L, "A_L", rows = network$sizes[length(network$sizes)])
  Y <- check_matrix(Y, "Y", nrow(A_L), ncol(A_L))
  check_domain(network, A_L)
  LOSSES[[network$loss]]$gradient(A_L, Y, network, arithmetic)
}

# deltaL = dC_i/dz of the output layer, n_L x m, without 1/m.
# Pairs of STABLE_PAIRS take it directly (A - Y for softmax with categorical and sigmoid with binary cross-entropy); all
# others through dC_i/da and the activation's derivative or Jacobian.
output_delta <- function(network, Z_L, A_L, Y, arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  Z_L <- check_matrix(Z_L, "Z_L", rows = network$sizes[length(network$sizes)])
  A_L <- check_matrix(A_L, "A_L", nrow(Z_L), ncol(Z_L))
  Y <- check_matrix(Y, "Y", nrow(Z_L), ncol(Z_L))
  parts <- activation_parts(network$activations[length(network$activations)])
  pair <- stable_pair(network)
  values <- if (length(parts) == 1L) list(Z_L, A_L) else chain_values(parts, Z_L, network, arithmetic)
  if (is.null(pair)) {
    dA <- loss_gradient(network, A_L, Y, arithmetic)
    return(chain_backprop(parts, values, dA, network, arithmetic))
  }
  delta <- pair$delta(values[[length(values) - 1L]], A_L, Y, arithmetic)
  chain_backprop(parts[-length(parts)], values[-length(values)], delta, network, arithmetic)
}
