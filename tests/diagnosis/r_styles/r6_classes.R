library(R6)
Dense <- R6Class("Dense",
  public = list(
    W = NULL, b = NULL, x = NULL, a = NULL,
    initialize = function(W, b) {
      self$W <- W
      self$b <- b
    },
    forward = function(x) {
      self$x <- x
      self$a <- private$act(self$W %*% x + self$b)
      invisible(self)
    },
    backward = function(error, eta) {
      delta <- error * self$slope
      below <- t(self$W) %*% delta
      self$W <- self$W - eta * delta %*% t(self$x) / ncol(delta)
      self$b <- self$b - eta * rowMeans(delta)
      below
    }
  ),
  active = list(
    slope = function() self$a * (1 - self$a)
  ),
  private = list(
    act = function(z) 1 / (1 + exp(-z))
  )
)
Net <- R6Class("Net", public = list(
  layers = list(),
  add = function(layer) {
    self$layers[[length(self$layers) + 1]] <- layer
    invisible(self)
  },
  fit = function(X, Y, eta) {
    out <- X
    for (layer in self$layers) out <- layer$forward(out)$a
    error <- out - Y
    for (layer in rev(self$layers)) error <- layer$backward(error, eta)
    self
  }
))
step <- function(W, b, X, Y, eta) {
  net <- Net$new()
  for (l in seq_along(W)) net$add(Dense$new(W[[l]], b[[l]]))
  net$fit(X, Y, eta)
  list(W = lapply(net$layers, function(layer) layer$W), b = lapply(net$layers, function(layer) layer$b))
}
