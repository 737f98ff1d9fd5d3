sigmoid <- function(z) 1 / (1 + exp(-z))

step <- function(W, b, X, Y, eta) {
  A <- list(X)
  for (l in seq_along(W)) A[[l + 1]] <- sigmoid(W[[l]] %*% A[[l]] + b[[l]])
  L <- length(W); m <- ncol(X)
  delta <- (A[[L + 1]] - Y) * A[[L + 1]] * (1 - A[[L + 1]])
  for (l in L:1) {
    dW <- delta %*% t(A[[l]]) / m; db <- rowSums(delta) / m
    if (l > 1) delta <- (t(W[[l]]) %*% delta) * A[[l]] * (1 - A[[l]])
    W[[l]] <- W[[l]] - eta * dW
    b[[l]] <- b[[l]] - eta * db
  }
  list(W = W, b = b)
}
