# Inverted dropout: a step on a network some of whose hidden units are switched off, drawn from R's stream.
#
# What is left is scaled by 1/(1 - p), so that prediction needs no change (Srivastava et al. 2014, section 10).

# One mask for each hidden layer, n_l x m: 0 with probability p = dropout, else 1/(1 - p). The stream moves on by n_l
# m words a layer, layer 1 first, each by column.
draw_masks <- function(network, dropout, m, stream) {
  lapply(network$sizes[-c(1L, length(network$sizes))], function(units) {
    U <- matrix(r_runif(stream, units * m), units, m)
    select(U < dropout, 0, matrix(1 / (1 - dropout), units, m))
  })
}

# The way forward with masks: Z[l] = W[l] D[l-1] + b[l], A[l] = f_l(Z[l]), D[l] = A[l] * mask[l], D[0] = X: list(Z =,
# A =, D =); A[[1]] and D[[1]] are X, the output layer has no mask.
dropout_forward <- function(network, W, b, X, masks, arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  Z <- list()
  A <- list(X)
  D <- list(X)
  for (k in seq_along(network$activations)) {
    # Z = W D + b
    Z[[k]] <- arithmetic$matmul(W[[k]], D[[k]]) + b[[k]]
    # A = f(Z)
    A[[k + 1L]] <- activate(network$activations[k], Z[[k]], network, arithmetic)
    # D = A * mask
    D[[k + 1L]] <- if (k <= length(masks)) A[[k + 1L]] * masks[[k]] else A[[k + 1L]]
  }
  list(Z = Z, A = A, D = D)
}

# The way back through `dropout_forward`, as `backward`, with dC/dA = mask * dC/dD: list(delta =, dW =, db =).
dropout_backward <- function(network, W, Z, A, D, Y, masks, arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  layers <- length(network$activations)
  m <- ncol(Y)
  delta <- vector("list", layers)
  dW <- vector("list", layers)
  db <- vector("list", layers)
  for (k in rev(seq_len(layers))) {
    if (k == layers) {
      delta[[k]] <- output_delta(network, Z[[k]], A[[k + 1L]], Y, arithmetic)
    } else {
      # delta = (mask * W_next' delta_next) * f'(Z)
      dA <- masks[[k]] * arithmetic$crossprod(W[[k + 1L]], delta[[k + 1L]])
      delta[[k]] <- backprop_activation(network$activations[k], Z[[k]], A[[k + 1L]], dA, network, arithmetic)
    }
    # dW = (1/m) delta D_before'
    share <- delta[[k]] / m
    dW[[k]] <- arithmetic$tcrossprod(share, D[[k]])
    if (network$l1 > 0) dW[[k]] <- dW[[k]] + network$l1 * sign(W[[k]])
    if (network$l2 > 0) dW[[k]] <- dW[[k]] + network$l2 * W[[k]]
    db[[k]] <- if (k %in% network$no_bias) numeric(network$sizes[k + 1L]) else arithmetic$row_sums(share)
  }
  list(delta = delta, dW = dW, db = db)
}
