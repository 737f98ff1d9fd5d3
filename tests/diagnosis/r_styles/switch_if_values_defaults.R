activate <- function(z, kind = c("sigmoid", "tanh"), derivative = FALSE, a = activate(z, kind)) {
  kind <- match.arg(kind)
  if (!derivative)
    return(switch(kind,
                  sigmoid = 1 / (1 + exp(-z)),
                  tanh = tanh(z)))
  slope <- if (kind == "sigmoid") {
    a * (1 - a)
  } else 1 - a^2
  slope
}
step <- function(W, b, X, Y, eta, trace) {
  on.exit(done <- TRUE)
  if (missing(trace)) trace <- FALSE
  z1 <- W[[1]] %*% X + b[[1]]; a1 <- activate(z1)
  z2 <- W[[2]] %*% a1 + b[[2]] -> last
  a2 <- (activate(last))
  m <- if (is.null(ncol(X))) 1 else ncol(X)
  d2 <- (a2 - Y) * activate(z2, derivative = TRUE)
  d1 <- (t(W[[2]]) %*% d2) * do.call("activate", list(z1, "sigmoid", TRUE))
  stopifnot(all(dim(d1) == dim(z1)), is.numeric(m))
  tryCatch({
    W[[1]] <- W[[1]] - eta / m * (d1 %*% t(X))
    W[[2]] <- W[[2]] - eta / m * (d2 %*% t(a1))
  }, error = function(e) message("never"))
  b <- suppressWarnings(list(b[[1]] - eta / m * rowSums(d1), b[[2]] - eta / m * rowSums(d2)))
  result <- list(W, b)
  names(result) <- c("W", "b")
  result
}
