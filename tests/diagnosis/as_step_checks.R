# as_step: each common layout becomes the same step, and what does not fit is said in words. Run by test_as_step_r.py.

source(commandArgs(TRUE)[1])
t <- c <- list <- NULL  # a candidate may mask anything

set.seed(3)
W <- base::list(matrix(rnorm(24), 6), matrix(rnorm(18), 3))
B <- base::list(rnorm(6), rnorm(3))
X <- matrix(rnorm(28), 4)
Y <- matrix(runif(21), 3)
ETA <- 0.5
rm(t, c, list)

# Mean gradients of the quadratic loss of a tanh network, one column per sample.
gradients <- function(W, b, X, Y) {
  A <- list(X)
  for (l in seq_along(W)) A[[l + 1]] <- tanh(W[[l]] %*% A[[l]] + b[[l]])
  delta <- A[[length(A)]] - Y
  dW <- db <- vector("list", length(W))
  for (l in rev(seq_along(W))) {
    delta <- delta * (1 - A[[l + 1]]^2)
    dW[[l]] <- delta %*% t(A[[l]]) / ncol(X)
    db[[l]] <- rowMeans(delta)
    delta <- t(W[[l]]) %*% delta
  }
  list(W = dW, b = db)
}
update <- function(W, b, g, eta) {
  list(W = Map(function(w, d) w - eta * d, W, g$W), b = Map(function(v, d) v - eta * d, b, g$b))
}
EXPECTED <- update(W, B, gradients(W, B, X, Y), ETA)

failures <- character()
check <- function(name, step) {
  result <- tryCatch(step(W, B, X, Y, ETA), error = identity)
  right <- !inherits(result, "error") && isTRUE(all.equal(unlist(result), unlist(EXPECTED), tolerance = 1e-12)) &&
    identical(lapply(result$W, dim), lapply(W, dim))
  said <- if (inherits(result, "error")) paste(":", conditionMessage(result))
  if (!right) failures <<- c(failures, paste0(name, said))
}
complains <- function(words, ...) {
  message <- tryCatch({ as_step(...)(W, B, X, Y, ETA); "nothing" }, error = conditionMessage)
  said <- startsWith(message, "as_step: ") && grepl(words, message, fixed = TRUE)
  if (!said) failures <<- c(failures, paste("words:", words, "/", message))
}

check("textbook", as_step(function(W, b, X, Y, eta) update(W, b, gradients(W, b, X, Y), eta)))

every <- expand.grid(samples = c("rows", "columns"), weights = c("out_by_in", "in_by_out"),
                     shape = c("vector", "column", "row"), stringsAsFactors = FALSE)
for (i in seq_len(nrow(every))) with(every[i, ], {
  f <- function(X, Y, W1, b1, W2, b2, lr) {
    back <- if (weights == "out_by_in") identity else t
    stopifnot(identical(dim(b1), switch(shape, vector = NULL, column = c(6L, 1L), row = c(1L, 6L))))
    if (samples == "rows") { X <- t(X); Y <- t(Y) }
    W <- list(back(W1), back(W2)); b <- list(as.vector(b1), as.vector(b2))
    new <- update(W, b, gradients(W, b, X, Y), lr)
    list(back(new$W[[1]]), new$b[[1]], back(new$W[[2]]), new$b[[2]], 0.25)
  }
  check(paste(samples, weights, shape), as_step(f, "X, Y, W1, b1, W2, b2, lr = eta", samples = samples,
                                                weights = weights, bias_shape = shape))
})

for (place in c("first_row", "last_row", "first_column", "last_column")) local({
  row <- grepl("row", place); first <- grepl("first", place)
  apart <- function(T) { if (row) T <- t(T); if (first) list(T[, -1], T[, 1]) else list(T[, -ncol(T)], T[, ncol(T)]) }
  together <- function(w, v) { T <- if (first) cbind(v, w) else cbind(w, v); if (row) t(T) else T }
  f <- function(thetas, X, Y, eta) {
    parts <- lapply(thetas, apart)
    W <- lapply(parts, `[[`, 1); b <- lapply(parts, `[[`, 2)
    new <- update(W, b, gradients(W, b, X, Y), eta)
    Map(together, new$W, new$b)
  }
  check(place, as_step(f, "W, X, Y, eta", weights = if (row) "in_by_out" else "out_by_in", bias = place))
})

for (form in c("named", "backwards", "biases first", "interleaved", "frames")) local({
  f <- function(parameters, X, Y) {
    g <- gradients(list(parameters$W1, parameters$W2), list(parameters$b1[, 1], parameters$b2[, 1]), X, Y)
    switch(form, named = list(dW2 = g$W[[2]], db2 = g$b[[2]], dW1 = g$W[[1]], db1 = g$b[[1]]),
           backwards = list(rev(g$W), rev(g$b)),
           "biases first" = list(g$b, g$W), interleaved = list(g$W[[1]], g$b[[1]], g$W[[2]], g$b[[2]]),
           frames = list(lapply(g$W, as.data.frame), lapply(g$b, as.matrix)))
  }
  check(form, as_step(f, "parameters, X, Y", bias_shape = "column", returns = "gradients"))
})

for (samples in c("one", "one_column", "one_row")) for (returns in c("gradients", "parameters")) local({
  f <- function(x, y, pairs) {
    stopifnot(identical(dim(x), switch(samples, one = NULL, one_column = c(4L, 1L), one_row = c(1L, 4L))))
    W <- lapply(pairs, `[[`, 1); b <- lapply(pairs, `[[`, 2)
    g <- gradients(W, b, matrix(x), matrix(y))
    if (returns == "gradients") g else update(W, b, g, ETA)
  }
  check(paste(samples, returns), as_step(f, "X, Y, pairs", samples = samples, returns = returns))
})

check("theta", as_step(function(theta, X, Y) {
  g <- gradients(list(matrix(theta[1:24], 6), matrix(theta[31:48], 3)), list(theta[25:30], theta[49:51]), X, Y)
  c(g$W[[1]], g$b[[1]], g$W[[2]], g$b[[2]])
}, "theta, X, Y", returns = "gradients"))

slots <- c(weights = "W", biases = "b")
Net <- setRefClass("Net", fields = list(weights = "list", biases = "list"), methods = list(
  learn = function(batch, eta) {
    X <- do.call(cbind, lapply(batch, `[[`, 1)); Y <- do.call(cbind, lapply(batch, `[[`, 2))
    new <- update(weights, biases, gradients(weights, biases, X, Y), eta)
    weights <<- new$W; biases <<- new$b
  }))
check("RefClass", as_step("learn", "batch, eta", samples = "one_column", returns = "holder",
                          holder = function(sizes) Net$new(), slots = slots))
setClass("S4Net", representation(weights = "list", biases = "list"))
learn <- function(net, X, Y, eta) {
  new <- update(net@weights, net@biases, gradients(net@weights, net@biases, X, Y), eta)
  net@weights <- new$W; net@biases <- new$b
  net
}
check("S4", as_step(learn, "X, Y, eta", returns = "holder", holder = function(sizes) new("S4Net"), slots = slots))
weights <- biases <- NULL
learn_globals <- function(X, Y, rate) {
  new <- update(weights, biases, gradients(weights, biases, X, Y), rate)
  weights <<- new$W; biases <<- new$b
}
check("globals", as_step(learn_globals, "X, Y, rate = eta", returns = "holder", holder = globalenv, slots = slots))
check("data frames", as_step(function(x, y, W, b) gradients(W, b, t(as.matrix(x)), t(as.matrix(y))),
                             "X_frame, Y_frame, W, b", returns = "gradients"))

none <- as_step(function(W, X) W, "W, X", bias = "none")(W, B, X, Y, ETA)
if (!identical(none, list(W = W, b = B))) failures <- c(failures, "none")

complains("samples must be one of columns, rows", NULL, samples = "col")
complains("goes with weights = \"in_by_out\"", NULL, bias = "first_row")
complains("needs a holder", NULL, returns = "holder")
complains("swapped", function(...) list(lapply(W, base::t), B))
complains("no array came back", function(...) NULL)
complains("expected parameters with the shapes 6 x 4, 3 x 6", function(...) list(W[[1]], B[[1]]))
complains("expected biases of 6, 3 numbers", function(...) W)
complains("takes knows W, b", function(...) W, takes = "X, nothing")
complains("there are 2 layers", function(...) W, takes = "W3")
seen <- NULL
invisible(as_step(function(W, b, sizes, k, verbose, m) { seen <<- list(sizes, k, verbose, m); list(W, b) },
                  "W, b, sizes, c(1, 2), verbose = NULL, m = m")(W, B, X, Y, ETA))
if (!identical(seen, list(c(4L, 6L, 3L), c(1, 2), NULL, 7L))) failures <- c(failures, "constants")

cat(failures, sep = "\n")
