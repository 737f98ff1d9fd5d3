make_network <- function(W, b) {
  act <- function(z) 1 / (1 + exp(-z))
  A <- NULL
  forward <- function(X) {
    A <<- vector("list", length(W) + 1)
    A[[1]] <<- X
    for (l in seq_along(W)) A[[l + 1]] <<- act(sweep(W[[l]] %*% A[[l]], 1, b[[l]], "+"))
    invisible(A[[length(A)]])
  }
  learn <- function(Y, eta) {
    L <- length(W)
    m <- ncol(Y)
    delta <- (A[[L + 1]] - Y) * A[[L + 1]] * (1 - A[[L + 1]])
    l <- L
    repeat {
      gradient <- tcrossprod(delta, A[[l]]) / m
      bias <- rowMeans(delta)
      if (l > 1) delta <- crossprod(W[[l]], delta) * A[[l]] * (1 - A[[l]])
      W[[l]] <<- W[[l]] - eta * gradient
      b[[l]] <<- b[[l]] - eta * bias
      l <- l - 1
      if (l == 0) break
    }
  }
  list(forward = forward, learn = learn, weights = function() W, biases = function() b)
}
step <- function(W, b, X, Y, eta) {
  net <- make_network(W, b)
  net$forward(X)
  net$learn(Y, eta)
  list(W = net$weights(), b = net$biases())
}
