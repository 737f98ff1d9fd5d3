sigmoid <- function(z) 1 / (1 + exp(-z))

`%+%` <- function(Z, b) sweep(Z, 1, b, `+`)
descend <- function(W, b, a, y, eta) {
  if (length(W) == 0) return(list(W = list(), b = list(), d = a - y))
  out <- (W[[1]] %*% a %+% b[[1]]) |> sigmoid()
  rest <- descend(W[-1], b[-1], out, y, eta)
  d <- rest$d * out * (1 - out)
  m <- ncol(a)
  list(W = c(list(W[[1]] - eta * (d |> tcrossprod(a)) / m), rest$W),
       b = c(list(b[[1]] - eta * d |> apply(1, \(r) sum(r) / m)), rest$b),
       d = t(W[[1]]) %*% d)
}
step <- function(W, b, X, Y, eta) descend(W, b, X, Y, eta)[c("W", "b")]
