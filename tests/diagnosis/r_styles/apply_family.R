sigmoid <- function(z) 1 / (1 + exp(-z))

neuron <- function(w, bias, x) sum(w * x) + bias
layer <- function(W, b, x) sigmoid(mapply(function(i, bias) neuron(W[i, ], bias, x), seq_len(nrow(W)), b))
sample_gradient <- function(W, b, x, y) {
  as <- Reduce(function(a, l) layer(W[[l]], b[[l]], a), seq_along(W), x, accumulate = TRUE)
  L <- length(W)
  delta <- (as[[L + 1]] - y) * as[[L + 1]] * (1 - as[[L + 1]])
  dW <- db <- vector("list", L)
  for (l in L:1) {
    dW[[l]] <- outer(delta, as[[l]])
    db[[l]] <- delta
    if (l > 1) delta <- vapply(seq_along(as[[l]]), function(j) sum(W[[l]][, j] * delta), 0) * as[[l]] * (1 - as[[l]])
  }
  list(W = dW, b = db)
}
step <- function(W, b, X, Y, eta) {
  gradients <- lapply(seq_len(ncol(X)), function(i) sample_gradient(W, b, X[, i], Y[, i]))
  m <- ncol(X)
  for (l in seq_along(W)) {
    W[[l]] <- W[[l]] - eta / m * Reduce(`+`, Map(function(g) g$W[[l]], gradients))
    b[[l]] <- b[[l]] - eta / m * rowSums(sapply(gradients, function(g) g$b[[l]]))
  }
  list(W = W, b = b)
}
