sigmoid <- function(z) 1 / (1 + exp(-z))

unroll <- function(W, b) c(unlist(W), unlist(b))
roll <- function(theta, sizes) {
  at <- 0
  take <- function(n) { part <- theta[at + seq_len(n)]; at <<- at + n; part }
  W <- lapply(seq_along(sizes)[-1], function(l) matrix(take(sizes[l] * sizes[l - 1]), sizes[l], sizes[l - 1]))
  list(W = W, b = lapply(sizes[-1], take))
}
gradient <- function(theta, sizes, X, Y) {
  p <- roll(theta, sizes)
  A <- list(X)
  for (l in seq_along(p$W)) A <- append(A, list(sigmoid(cbind(p$b[[l]], p$W[[l]]) %*% rbind(1, A[[l]]))))
  gW <- gb <- list()
  d <- (A[[length(A)]] - Y) * A[[length(A)]] * (1 - A[[length(A)]])
  for (l in rev(seq_along(p$W))) {
    folded <- d %*% t(rbind(bias = 1, A[[l]])) / ncol(X)
    gb[[l]] <- folded[, 1]; gW[[l]] <- folded[, -1, drop = FALSE]
    d <- (t(p$W[[l]]) %*% d) * A[[l]] * (1 - A[[l]])
  }
  unroll(gW, gb)
}
step <- function(W, b, X, Y, eta) {
  sizes <- c(nrow(X), vapply(W, nrow, 1L))
  theta <- unroll(W, b)
  roll(theta - eta * gradient(theta, sizes, X, Y), sizes)
}
