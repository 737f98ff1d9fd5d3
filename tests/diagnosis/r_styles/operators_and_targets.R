units <- function(x) structure(list(v = x), class = "units")
Ops.units <- function(e1, e2) {
  left <- if (inherits(e1, "units")) e1$v else e1
  right <- if (inherits(e2, "units")) e2$v else e2
  units(switch(.Generic, "+" = left + right, "-" = left - right, "*" = left * right, stop("unknown ", .Generic)))
}
"[.units" <- function(x, ...) units(unclass(x)$v[...])
as.matrix.units <- function(x, ...) x$v
"row<-" <- function(x, i, value) {
  x[i, ] <- value
  x
}
numbered <- function(x) structure(x, class = c("numbered", class(x)))
mean.numbered <- function(x, ...) {
  plain <- NextMethod()
  plain
}
step <- function(W, b, X, Y, eta) {
  act <- function(z) 1 / (1 + exp(-z))
  net <- list(layers = list(list(W = W[[1]], b = b[[1]]), list(W = W[[2]], b = b[[2]])))
  m <- dim(X)[2]
  z <- matrix(0, 6, m)
  for (i in 1:6) row(z, i) <- net$layers[[1]]$W[i, ] %*% X + net$layers[[1]]$b[i]
  a <- array(0, c(6, m)); a[] <- act(z)
  o <- act(net$layers[[2]]$W %*% a + net[["layers"]][[2]][["b"]])
  "error" <- as.matrix(units(o) - Y)
  dim(error) <- NULL
  dim(error) <- c(3, m)
  d2 = error * o * (1 - o)
  slope <- a
  slope[a > -1] <- a[a > -1] * (1 - a[a > -1])
  (t(net$layers[[2]]$W) %*% d2) * slope ->> hidden_delta
  names(net$layers) <- c("first", "second")
  net$layers$second$W[, ] <- net$layers$second$W - eta * d2 %*% t(a) / m
  net$layers[["first"]]$W <- net$layers$first$W - eta * hidden_delta %*% t(X) / m
  for (j in seq_along(net$layers$second$b))
    net$layers$second$b[j] <- net$layers$second$b[j] - eta * mean(numbered(d2[j, ]))
  net$layers$first$b <- vapply(1:6, function(j) net$layers$first$b[[j]] - eta * mean(hidden_delta[j, ]), numeric(1))
  attr(net, "done") <- TRUE
  list(W = unname(lapply(net$layers, getElement, "W")), b = unname(lapply(net$layers, getElement, "b")))
}
