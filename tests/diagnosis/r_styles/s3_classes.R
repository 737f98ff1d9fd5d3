sigmoid <- function(z) 1 / (1 + exp(-z))

new_layer <- function(W, b) structure(list(W = W, b = b, a = NULL), class = c("dense", "layer"))
forward <- function(layer, ...) UseMethod("forward")
forward.layer <- function(layer, x, ...) stop("no such layer")
forward.dense <- function(layer, x, ...) {
  layer$x <- x
  layer$a <- sigmoid(layer$W %*% x + layer$b)
  layer
}
`weights<-` <- function(object, value) UseMethod("weights<-")
`weights<-.layer` <- function(object, value) {
  object$W <- value
  object
}
print.layer <- function(x, ...) cat("<layer>\n")
step <- function(W, b, X, Y, eta) {
  layers <- Map(new_layer, W, b)
  x <- X
  for (i in seq_along(layers)) {
    layers[[i]] <- forward(layers[[i]], x)
    x <- layers[[i]]$a
  }
  delta <- (x - Y) * x * (1 - x)
  for (i in rev(seq_along(layers))) {
    grad <- delta %*% t(layers[[i]]$x) / ncol(X)
    old <- layers[[i]]$W
    layers[[i]]$b <- layers[[i]]$b - eta * rowMeans(delta)
    if (i > 1) {
      below <- layers[[i]]$x
      delta <- (t(old) %*% delta) * below * (1 - below)
    }
    weights(layers[[i]]) <- old - eta * grad
  }
  list(W = lapply(layers, function(layer) layer$W), b = lapply(layers, `[[`, "b"))
}
