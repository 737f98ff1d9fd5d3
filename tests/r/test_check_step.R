# A user's own step against the reference in R alone: what is right, what is named, what is turned away.

expect_says <- function(text, pattern, fixed = FALSE) expect_true(grepl(pattern, text, fixed = fixed), info = text)
expect_prints <- function(call, pattern) {
  expect_says(paste(capture.output(call), collapse = "\n"), pattern, fixed = TRUE)
}
sentence_of <- function(call) {
  tryCatch({
    force(call)
    "no complaint"
  }, nnparity_input_error = conditionMessage)
}
sigma <- function(z) 1 / (1 + exp(-z))

# A network of somebody's, two layers, with one fault by name.
somebodys_step <- function(fault = "none") {
  function(W, b, X, Y, eta) {
    m <- ncol(X)
    A1 <- sigma(W[[1]] %*% X + b[[1]])
    A2 <- sigma(W[[2]] %*% A1 + b[[2]])
    delta2 <- if (fault == "delta2") A2 - Y else (A2 - Y) * A2 * (1 - A2)
    delta1 <- (t(W[[2]]) %*% delta2) * if (fault == "delta1") A1 else A1 * (1 - A1)
    dW <- list(delta1 %*% t(X) / m, delta2 %*% t(A1) / m)
    db <- list(rowMeans(delta1), rowMeans(delta2))
    if (fault == "dW1") dW[[1]] <- abs(dW[[1]])
    if (fault == "db1") db[[1]] <- rep(sum(db[[1]]), length(db[[1]]))
    factor <- switch(fault, sum = m, twice = 2, odd = 3.5, ascent = -1, 1)
    new_W <- Map(function(w, g) w - eta * factor * g, W, dW)
    new_b <- Map(function(w, g) w - eta * factor * g, b, db)
    if (fault == "updated") {
      new_W <- Map(function(w, new) w - eta / m * new, W, new_W)
      new_b <- Map(function(w, new) w - eta / m * new, b, new_b)
    }
    if (fault == "lost") new_W[[2]] <- W[[2]]
    if (fault == "gradient") return(list(W = dW, b = db))
    if (fault == "nan") new_b[[1]][2] <- NaN
    list(W = new_W, b = new_b)
  }
}
verdicts <- function(fault, ...) {
  check <- check_step(somebodys_step(fault), ...)
  stats::setNames(check$verdict, check$quantity)
}

check <- check_step(somebodys_step())
expect_inherits(check, "nnparity_check")
expect_identical(check$quantity, c("W1_new", "b1_new", "W2_new", "b2_new"))
expect_true(all(check$verdict == "right"))
expect_true(all(check$evidence <= 1))
expect_prints(print(check), "Every new weight and bias is right")
for (seed in 1:20) {
  check <- check_step(somebodys_step(), sizes = c(5, 3, 2), batch = 1 + seed %% 4, seed = seed)
  expect_true(all(check$evidence <= 1))
}

# --- each fault has its row and its word ---

expect_identical(unname(verdicts("delta1")), c("wrong", "wrong", "right", "right"))
expect_prints(print(check_step(somebodys_step("delta1"))), "Layers above are right; look at delta1")
expect_prints(print(check_step(somebodys_step("delta2"))), "Look at the way forward and at delta2")
expect_identical(unname(verdicts("dW1")), c("wrong", "right", "right", "right"))
expect_prints(print(check_step(somebodys_step("dW1"))), "delta1 is right, as b1 shows; look at dW1")
expect_identical(verdicts("db1")[["b1_new"]], "one scalar for the whole layer")
expect_prints(print(check_step(somebodys_step("db1"))), "delta1 is right, as W1 shows; look at db1")
expect_true(all(verdicts("sum") == "sum over the samples for mean"))
expect_equal(check_step(somebodys_step("sum"))$factor, rep(7, 4))
expect_prints(print(check_step(somebodys_step("sum"))), "a convention; a learning rate of eta/7")
expect_true(all(verdicts("odd") == "the gradient times 3.5"))
expect_true(all(grepl("^ascent", verdicts("ascent"))))
expect_prints(print(check_step(somebodys_step("ascent"))), "Look at the update.")
expect_identical(
  unname(verdicts("updated")),
  rep(c("W - (eta/m) W_new: updated twice", "b - (eta/m) b_new: updated twice"), 2)
)
expect_identical(verdicts("lost")[["W2_new"]], "unchanged: the new value is lost")
expect_true(all(grepl("^the gradient, not", verdicts("gradient"))))
expect_identical(verdicts("nan")[["b1_new"]], "NaN")

# Correct for another loss: right when the loss is said.
expect_true(all(verdicts("delta2", loss = "binary_cross_entropy") == "right"))

# --- what a step must return ---

expect_says(sentence_of(check_step("step")), "step must be a function(W, b, X, Y, eta), not 'step'", fixed = TRUE)
expect_says(sentence_of(check_step(function(W, b, X, Y, eta) W)), "step must return list(W =, b =)", fixed = TRUE)
expect_says(
  sentence_of(check_step(function(W, b, X, Y, eta) list(W = lapply(W, t), b = b))),
  "step returns another shape: W1 must be 6 x 4, not 4 x 6", fixed = TRUE
)
expect_says(sentence_of(check_step(somebodys_step(), sizes = 4)), "sizes must hold at least two widths", fixed = TRUE)
expect_prints(print(check_step(somebodys_step(), sizes = c(4, 4, 3))), "Equal widths can hide a transposed matrix")
no_bias <- check_step(function(W, b, X, Y, eta) {
  new <- somebodys_step()(W, b, X, Y, eta)
  new$b[[1]] <- b[[1]]
  new
}, no_bias = 1)
expect_identical(no_bias$quantity, c("W1_new", "W2_new", "b2_new"))
expect_true(all(no_bias$verdict == "right"))
