sigmoid <- function(z) 1 / (1 + exp(-z))

forward <- function() {
  a1 <<- sigmoid(W1 %*% x + b1)
  a2 <<- sigmoid(W2 %*% a1 + b2)
}
backward <- function(y) {
  m <- ncol(y)
  d2 <- (a2 - y) * a2 * (1 - a2)
  d1 <- (t(W2) %*% d2) * a1 * (1 - a1)
  W2 <<- W2 - rate * d2 %*% t(a1) / m
  W1 <<- W1 - rate * d1 %*% t(x) / m
  b2 <<- b2 - rate * rowSums(d2) / m
  b1 <<- b1 - rate * rowSums(d1) / m
  invisible(NULL)
}
step <- function(W, b, X, Y, eta) {
  W1 <<- W[[1]]; W2 <<- W[[2]]; b1 <<- b[[1]]; b2 <<- b[[2]]; x <<- X; rate <<- eta
  forward()
  backward(Y)
  list(W = list(W1, W2), b = list(b1, b2))
}
