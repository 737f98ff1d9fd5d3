Base <- setRefClass("Base", fields = list(W = "list", b = "list"), methods = list(
  initialize = function(...) {
    initFields(...)
    invisible(.self)
  },
  act = function(z) {
    'the activation'
    1 / (1 + exp(-z))
  }))
Net <- setRefClass("Net", contains = "Base", fields = list(A = "list"), methods = list(
  act = function(z) {
    value <- callSuper(z)
    value
  },
  forward = function(x) {
    A <<- list(x)
    for (l in seq_along(W)) A[[l + 1]] <<- act(W[[l]] %*% A[[l]] + b[[l]])
    invisible(.self)
  },
  learn = function(y, rate) {
    top <- A[[length(A)]]
    delta <- (top - y) * top * (1 - top)
    for (l in length(W):1) {
      dW <- delta %*% t(A[[l]]) / ncol(y)
      db <- apply(delta, 1, mean)
      if (l > 1) delta <- t(W[[l]]) %*% delta * A[[l]] * (1 - A[[l]])
      .self$W[[l]] <- W[[l]] - rate * dW
      b[[l]] <<- b[[l]] - rate * db
    }
  }))
step <- function(W, b, X, Y, eta) {
  net <- Net$new(W = W, b = b)
  net$forward(X)$learn(Y, eta)
  list(W = net$W, b = net$b)
}
