# The plain step's formulas without its checks and calls: the same bits as `training_step`, sooner.
#
# Here for speed alone, and beside the plain step, which says what is computed; a test holds both together bit for
# bit. It covers plain gradient descent in fast arithmetic without penalties, for the activations and losses of
# FAST_ACTIVATIONS and FAST_OUTPUTS.
#
# R looks through both factors for NaN before every product, at a price (docs/speed.md); here BLAS is asked at once
# (`options(matprod = "blas")`, help page `options`). Data are finite, and a NaN of a diverged step stays one.

# list(A, slope): A = 1/(1 + E), slope = E A A, both out of E = e^-z as in `activations`.
sigmoid_fast <- function(Z) {
  E <- exp(-Z)
  A <- 1 / (1 + E)
  E[E > LARGEST_EXPONENTIAL] <- LARGEST_EXPONENTIAL
  list(A, E * A * A)
}

# A = tanh Z, slope = 4 e / (1 + e)^2 with e = e^-2|z|.
tanh_fast <- function(Z) {
  E <- exp(-2 * abs(Z))
  Q <- 1 + E
  list(tanh(Z), 4 * E / (Q * Q))
}

# A = max(z, 0), slope = 1 where z > 0.
relu_fast <- function(Z) {
  slope <- (Z > 0) + 0
  slope[is.na(slope)] <- 0
  Z[which(Z < 0)] <- 0
  list(Z, slope)
}

# A = Z, slope = 1.
linear_fast <- function(Z) {
  list(Z, 1)
}

# A = softmax(Z) of each column; it has no slope.
softmax_fast <- function(Z) {
  list(softmax_value(Z, NULL, ARITHMETICS$fast), NULL)
}

FAST_ACTIVATIONS <- list(
  sigmoid = sigmoid_fast, tanh = tanh_fast, relu = relu_fast, linear = linear_fast
)

# delta = (A - Y) * slope.
quadratic_delta <- function(A, slope, Y) {
  (A - Y) * slope
}

# delta = A - Y.
difference_delta <- function(A, slope, Y) {
  A - Y
}

# delta = A sum_k y_k - Y.
softmax_delta <- function(A, slope, Y) {
  A * rep(colSums(Y), each = nrow(Y)) - Y
}

# Loss, then output activation: how the outputs are computed, and their delta.
FAST_OUTPUTS <- list(
  quadratic = lapply(FAST_ACTIVATIONS, function(value) list(value, quadratic_delta)),
  binary_cross_entropy = list(sigmoid = list(sigmoid_fast, difference_delta)),
  categorical_cross_entropy = list(softmax = list(softmax_fast, softmax_delta))
)

# Whether this file covers a step of that kind.
fast_step_applies <- function(network, optimizer, dropout, arithmetic) {
  plain <- optimizer$name == "sgd" && is.null(optimizer$clip_norm) && dropout == 0 && arithmetic$name == "fast"
  no_penalty <- network$l1 == 0 && network$l2 == 0
  layers <- length(network$activations)
  output <- network$activations[layers]
  known <- all(network$activations[-layers] %in% names(FAST_ACTIVATIONS))
  single <- output == "softmax" && network$sizes[layers + 1L] == 1
  plain && no_penalty && known && !single && output %in% names(FAST_OUTPUTS[[network$loss]])
}

# All batches of an epoch, as `run_batches`: list(W =, b =, Z_L =, A_L =): parameters after it; each sample's outputs
# before its step, n_L x n, in the order of the samples, in which Y_seen, n_L x n, holds the targets.
fast_batches <- function(network, optimizer, batch, W, b, X, Y_seen, order) {
  layers <- length(W)
  output <- FAST_OUTPUTS[[network$loss]][[network$activations[layers]]]
  activate_layer <- c(FAST_ACTIVATIONS[network$activations[-layers]], output[1L])
  output_delta_of <- output[[2L]]
  biased <- !seq_len(layers) %in% network$no_bias
  eta <- optimizer$eta
  n <- length(order)
  Z_L <- matrix(0, nrow(Y_seen), n)
  A_L <- matrix(0, nrow(Y_seen), n)
  usual <- options(matprod = "blas")
  on.exit(options(usual))
  A <- vector("list", layers + 1L)
  slope <- vector("list", layers)
  for (first in seq.int(1, n, by = batch)) {
    places <- seq.int(first, min(first + batch - 1, n))
    m <- length(places)
    A[[1L]] <- X[, order[places], drop = FALSE]
    for (k in seq_len(layers)) {
      # Z = W A + b,  A = f(Z)
      Z <- W[[k]] %*% A[[k]] + b[[k]]
      activated <- activate_layer[[k]](Z)
      A[[k + 1L]] <- activated[[1L]]
      slope[k] <- activated[2L]
    }
    delta <- output_delta_of(A[[layers + 1L]], slope[[layers]], Y_seen[, places, drop = FALSE])
    Z_L[, places] <- Z
    A_L[, places] <- A[[layers + 1L]]
    for (k in layers:1) {
      # delta_before = (W' delta) * f'(Z_before)
      before <- if (k > 1L) crossprod(W[[k]], delta) * slope[[k - 1L]]
      # W <- W - eta (delta/m) A_before',  b <- b - eta sum_i delta_i/m
      share <- delta / m
      W[[k]] <- W[[k]] - eta * tcrossprod(share, A[[k]])
      if (biased[k]) b[[k]] <- b[[k]] - eta * rowSums(share)
      delta <- before
    }
  }
  list(W = W, b = b, Z_L = Z_L, A_L = A_L)
}
