# The network itself: its definition, the way forward, the way back, and one step of gradient descent.
#
# Notation is Nielsen's, with one column per sample: X n_0 x m, Y n_L x m, W[[l]] n_l x n_{l-1}, b[[l]] n_l.
# W[[1]] is W1, Z[[1]] is Z1, delta[[1]] is delta1; A[[1]] is X, and A[[l + 1]] the output of layer l.

# A network's definition, checked: a list of class "network_definition".
# sizes: widths of the layers, inputs first, outputs last; two of them make a network without hidden layers.
# activation: activation of the hidden layers: one word, or one per hidden layer; "relu+tanh" is a composition.
# output_activation: activation of the output layer. loss: a word of LOSSES.
# slope: slope of leaky_relu below zero. huber_delta: where huber turns from square to line, above 0.
# elu_alpha: elu's limit -alpha for z -> -Inf. no_bias: numbers of the layers that have no bias; theirs stays zero.
# l1, l2: penalties lambda_1 sum |W| + (lambda_2/2) sum W^2, at least 0.
define_network <- function(sizes, activation = "sigmoid", output_activation = "sigmoid", loss = "quadratic", slope = 0.01,
                           huber_delta = 1, elu_alpha = 1, no_bias = integer(), l1 = 0, l2 = 0) {
  if (!(is.numeric(sizes) || is.list(sizes)) || length(sizes) < 2L) {
    stop_input("sizes must hold at least two widths, those of the inputs and of the outputs")
  }
  widths <- vapply(seq_along(sizes), function(k) check_count(sizes[[k]], paste0("sizes[", k, "]")), 0)
  layers <- length(widths) - 1L
  words <- unlist(activation)
  hidden <- if (length(words) == 1L) rep(words, layers - 1L) else as.character(words)
  if (length(hidden) != layers - 1L) {
    stop_input(paste(
      "activation must be one word or one for each of the", layers - 1L, "hidden layers, not", length(hidden), "words"
    ))
  }
  for (word in words) check_activation(word, "activation")
  check_activation(output_activation, "output_activation")
  check_word(loss, names(LOSSES), "loss")
  no_bias <- sort(unique(vapply(no_bias, check_count, 0, what = "no_bias")))
  if (length(no_bias) > 0L && max(no_bias) > layers) {
    stop_input(paste0("no_bias must hold layer numbers from 1 to ", layers, ", not ", max(no_bias)))
  }
  structure(
    list(
      sizes = widths,
      activations = c(hidden, output_activation),
      loss = loss,
      slope = check_number(slope, "slope"),
      huber_delta = check_number(huber_delta, "huber_delta", above = 0),
      elu_alpha = check_number(elu_alpha, "elu_alpha"),
      no_bias = no_bias,
      l1 = check_number(l1, "l1", at_least = 0),
      l2 = check_number(l2, "l2", at_least = 0)
    ),
    class = "network_definition"
  )
}

# Weights and biases as lists of double arrays whose shapes are the network's: list(W =, b =); otherwise an input error.
check_parameters <- function(network, W, b) {
  layers <- length(network$sizes) - 1L
  if (length(W) != layers || length(b) != layers) {
    stop_input(paste(
      "W and b must hold one entry for each of the", layers, "layers, not", length(W), "and", length(b)
    ))
  }
  for (k in seq_len(layers)) {
    W[[k]] <- check_matrix(W[[k]], paste0("W", k), network$sizes[k + 1L], network$sizes[k])
    b[[k]] <- check_vector(b[[k]], paste0("b", k), network$sizes[k + 1L])
  }
  list(W = W, b = b)
}

# The way forward: Z[l] = W[l] A[l-1] + b[l], A[l] = f_l(Z[l]) (Nielsen, equation 25): list(Z =, A =), with A[[1]] = X.
# W, b: lists of weights n_l x n_{l-1} and biases n_l. X: n_0 x m, one column per sample. arithmetic: "fast", "exact",
# or the object of `get_arithmetic`.
forward <- function(network, W, b, X, arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  parameters <- check_parameters(network, W, b)
  W <- parameters$W
  b <- parameters$b
  Z <- list()
  A <- list(check_matrix(X, "X", rows = network$sizes[1L]))
  for (k in seq_along(W)) {
    # Z = W A + b
    Z[[k]] <- arithmetic$matmul(W[[k]], A[[k]]) + b[[k]]
    # A = f(Z)
    A[[k + 1L]] <- activate(network$activations[k], Z[[k]], network, arithmetic)
  }
  list(Z = Z, A = A)
}

# The way back (Nielsen, equations BP1 to BP4), averaged over the samples, with the penalties' share in dW:
# list(delta =, dW =, db =), delta[[l]] = dC_i/dz n_l x m, dW[[l]] n_l x n_{l-1}, db[[l]] n_l values, zero for layers
# without bias. Z, A: lists of `forward`. Y: n_L x m, targets.
backward <- function(network, W, Z, A, Y, arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  layers <- length(network$sizes) - 1L
  if (length(W) != layers || length(Z) != layers || length(A) != layers + 1L) {
    stop_input(paste0(
      "W, Z and A must hold ", layers, ", ", layers, " and ", layers + 1L, " matrices, not ",
      length(W), ", ", length(Z), " and ", length(A)
    ))
  }
  m <- ncol(A[[1L]])
  Y <- check_matrix(Y, "Y", network$sizes[layers + 1L], m)
  delta <- vector("list", layers)
  dW <- vector("list", layers)
  db <- vector("list", layers)
  for (k in rev(seq_len(layers))) {
    if (k == layers) {
      # deltaL = dC_i/da f_L'(ZL)                                                              BP1
      delta[[k]] <- output_delta(network, Z[[k]], A[[k + 1L]], Y, arithmetic)
    } else {
      # delta = (W_next' delta_next) * f'(Z)                                                   BP2
      dA <- arithmetic$crossprod(W[[k + 1L]], delta[[k + 1L]])
      delta[[k]] <- backprop_activation(network$activations[k], Z[[k]], A[[k + 1L]], dA, network, arithmetic)
    }
    # dW = (1/m) delta A_before'                                                                 BP4
    share <- delta[[k]] / m
    dW[[k]] <- arithmetic$tcrossprod(share, A[[k]])
    if (network$l1 > 0) dW[[k]] <- dW[[k]] + network$l1 * sign(W[[k]])
    if (network$l2 > 0) dW[[k]] <- dW[[k]] + network$l2 * W[[k]]
    # db = (1/m) sum_i delta_i                                                                   BP3
    db[[k]] <- if (k %in% network$no_bias) numeric(network$sizes[k + 1L]) else arithmetic$row_sums(share)
  }
  list(delta = delta, dW = dW, db = db)
}

# One step on one batch: forward, loss, backward, update: list(W =, b =, state =, loss =), the loss is that before the
# step. network, optimizer: from `define_network` and `define_optimizer`. X, Y: n_0 x m and n_L x m, one column per
# sample. state: from `initial_state` or the last step.
gradient_step <- function(network, optimizer, W, b, X, Y, state, arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  passed <- forward(network, W, b, X, arithmetic)
  gradients <- backward(network, W, passed$Z, passed$A, Y, arithmetic)
  loss <- loss_value(network, W, passed$Z, passed$A, Y, arithmetic)
  updated <- apply_update(optimizer, W, b, gradients$dW, gradients$db, state, arithmetic)
  list(W = updated$W, b = updated$b, state = updated$state, loss = loss)
}
