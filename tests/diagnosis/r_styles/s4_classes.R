sigmoid <- function(z) 1 / (1 + exp(-z))

setClass("Net", representation(W = "list", b = "list", A = "list"))
setGeneric("forward", function(net, x, ...) standardGeneric("forward"))
setMethod("forward", "Net", function(net, x, ...) {
  net@A <- list(x)
  for (l in seq_along(net@W)) net@A[[l + 1]] <- sigmoid(net@W[[l]] %*% net@A[[l]] + net@b[[l]])
  net
})
setGeneric("backward", function(net, y, rate) { standardGeneric("backward") })
setMethod("backward", signature("Net", "matrix", "numeric"), function(net, y, rate) {
  top <- net@A[[length(net@A)]]
  delta <- (top - y) * top * (1 - top)
  for (l in length(net@W):1) {
    dW <- delta %*% t(net@A[[l]]) / ncol(y)
    db <- rowMeans(delta)
    if (l > 1) delta <- t(net@W[[l]]) %*% delta * net@A[[l]] * (1 - net@A[[l]])
    net@W[[l]] <- net@W[[l]] - rate * dW
    net@b[[l]] <- net@b[[l]] - rate * db
  }
  net
})
setMethod("show", "Net", function(object) cat("<Net>\n"))
step <- function(W, b, X, Y, eta) {
  net <- new("Net", W = W, b = b)
  net <- backward(forward(net, X), Y, eta)
  list(W = net@W, b = net@b)
}
