# Losses: values by hand, stable forms at +-1000, and the domain outside which they refuse.

refusal <- function(code) tryCatch({
  code
  "nothing was refused"
}, nnparity_input_error = conditionMessage)
near <- function(value, truth, relative = 1e-14) all(abs(value - truth) <= relative * abs(truth))

# The loss of one layer whose weighted inputs are Z, and what it was computed from.
value_of <- function(output, loss, Z, Y, ...) {
  network <- define_network(rep(nrow(Z), 2), output_activation = output, loss = loss, ...)
  A <- activate(output, Z, network)
  list(C = loss_value(network, list(diag(nrow(Z))), list(Z), list(Z, A), Y), network = network, A = A)
}
value <- function(...) value_of(...)$C
one <- function(...) matrix(c(...), ncol = 1)

# Values by hand: a - y = 1, 0 and 2, -3.
A <- rbind(c(1, 0.5), c(3, 2))
Y <- rbind(c(0, 0.5), c(1, 5))
expect_identical(value("linear", "quadratic", A, Y), ((1 + 4) / 2 + (0 + 9) / 2) / 2)
expect_identical(value("linear", "mean_squared_error", A, Y), ((1 + 4) / 2 + (0 + 9) / 2) / 2)
expect_identical(value("linear", "mean_absolute_error", A, Y), ((1 + 2) / 2 + (0 + 3) / 2) / 2)
expect_identical(value("linear", "huber", A, Y), ((0.5 + 1.5) / 2 + (0 + 2.5) / 2) / 2)
expect_identical(value("linear", "huber", A, Y, huber_delta = 2), ((0.5 + 2) / 2 + (0 + 4) / 2) / 2)
half <- cbind(0.5, 0.25)
expect_true(near(value("linear", "binary_cross_entropy", half, cbind(1, 0)), (log(2) - log(0.75)) / 2))
expect_true(near(value("linear", "categorical_cross_entropy", half, cbind(1, 2)), (log(2) + 2 * log(4)) / 2))

# Gradients by hand.
gradient <- function(loss) {
  loss_gradient(define_network(c(1, 2), output_activation = "linear", loss = loss), A, Y)
}
expect_identical(gradient("quadratic"), rbind(c(1, 0), c(2, -3)))
expect_identical(gradient("mean_squared_error"), rbind(c(1, 0), c(2, -3)))
expect_identical(gradient("mean_absolute_error"), rbind(c(0.5, 0), c(0.5, -0.5)))
expect_identical(gradient("huber"), rbind(c(0.5, 0), c(0.5, -0.5)))
expect_identical(gradient("categorical_cross_entropy"), rbind(c(0, -1), c(-1 / 3, -2.5)))
network <- define_network(c(1, 1), loss = "binary_cross_entropy")
expect_identical(loss_gradient(network, half, cbind(1, 0)), cbind(-2, 4 / 3))

# Penalties are part of the loss and of the weights' gradient.
W <- list(matrix(c(1, -2), 1), matrix(0.5))
b <- list(3, 4)
X <- matrix(0, 2, 1)
zero <- matrix(0)
plain <- define_network(c(2, 1, 1), "linear", "linear")
network <- define_network(c(2, 1, 1), "linear", "linear", l1 = 0.5, l2 = 0.25)
for (arithmetic in c("fast", "exact")) {
  passed <- forward(plain, W, b, X, arithmetic)
  difference <- loss_value(network, W, passed$Z, passed$A, zero, arithmetic) -
    loss_value(plain, W, passed$Z, passed$A, zero, arithmetic)
  expect_identical(difference, 0.5 * 3.5 + 0.125 * 5.25)
  penalised <- backward(network, W, passed$Z, passed$A, zero, arithmetic)
  unpenalised <- backward(plain, W, passed$Z, passed$A, zero, arithmetic)
  expect_identical(penalised$dW[[1]] - unpenalised$dW[[1]], matrix(c(0.5 + 0.25, -0.5 - 0.5), 1))
  expect_identical(penalised$db, unpenalised$db)
}

# Cross-entropies at 1000 neither overflow nor clip.
truth <- list(
  binary_cross_entropy = c(sigmoid = 2000, softmax = 4000, "relu+softmax" = 2000),
  categorical_cross_entropy = c(sigmoid = 1000, softmax = 2000, "relu+softmax" = 1000)
)
Z <- one(1000, -1000)
for (loss in names(truth)) {
  for (output in names(truth[[loss]])) {
    wrong <- value_of(output, loss, Z, one(0, 1))
    expect_identical(wrong$C, truth[[loss]][[output]], info = paste(loss, output))
    delta <- output_delta(wrong$network, Z, wrong$A, one(0, 1))
    expect_true(all(is.finite(delta)))
    expect_identical(value(output, loss, Z, one(1, 0)), 0)
    if (loss == "binary_cross_entropy" || output != "sigmoid") {
      n <- if (loss == "binary_cross_entropy" && output != "sigmoid") 2 else 1
      expect_equal(delta, one(n, if (output == "relu+softmax") 0 else -n), tolerance = 0)
    }
  }
}

# Small losses keep their digits: ln(1 + e^-40), which ln(sigmoid(40)) rounds to zero.
tiny <- 4.2483542552915889e-18
expect_identical(value("sigmoid", "binary_cross_entropy", one(40), one(1)), tiny)
expect_identical(value("sigmoid", "categorical_cross_entropy", one(40), one(1)), tiny)
expect_identical(value("softmax", "categorical_cross_entropy", one(40, 0), one(1, 0)), tiny)
expect_true(near(value("softmax", "binary_cross_entropy", one(40, 0), one(1, 0)), 2 * tiny, 1e-15))
expect_identical(value("softplus", "categorical_cross_entropy", one(-1000), one(1)), 1000)

# Softmax delta for targets that sum to something else.
Z <- one(0.3, 1.1, -0.4)
Y <- one(0.5, 2, 0.25)
whole <- value_of("softmax", "categorical_cross_entropy", Z, Y)
delta <- output_delta(whole$network, Z, whole$A, Y)
for (k in 1:3) {
  step <- one(diag(3)[, k] * 1e-6)
  central <- (value("softmax", "categorical_cross_entropy", Z + step, Y) -
    value("softmax", "categorical_cross_entropy", Z - step, Y)) / 2e-6
  expect_true(abs(delta[k, 1] - central) < 1e-8)
}

# Outputs outside the domain are named.
Z <- rbind(c(0.5, 0.5, 0.5), c(0.25, 0.5, -0.25))
Y <- rbind(c(1, 0, 1), c(0, 1, 0))
sentence <- "categorical_cross_entropy is defined for outputs above 0, and in sample 3 output unit 2 is -0.25"
expect_identical(refusal(value("linear", "categorical_cross_entropy", Z, Y)), sentence)
network <- define_network(c(1, 2), output_activation = "linear", loss = "categorical_cross_entropy")
expect_identical(refusal(loss_gradient(network, Z, Y)), sentence)
expect_identical(refusal(output_delta(network, Z, Z, Y)), sentence)
sentence <- "binary_cross_entropy is defined for outputs above 0 and below 1, and in sample 1 output unit 1 is 1"
expect_identical(refusal(value("softmax", "binary_cross_entropy", one(2), one(0))), sentence)
expect_identical(refusal(value("linear", "binary_cross_entropy", one(1), one(0))), sentence)
expect_identical(refusal(value("elu", "binary_cross_entropy", one(1), one(0))), sentence)
expect_true(endsWith(refusal(value("relu", "categorical_cross_entropy", one(-3), one(0))), "output unit 1 is 0"))

# Targets of another shape are refused.
network <- define_network(c(1, 2))
A <- matrix(0.5, 2, 3)
Y <- matrix(0, 2, 1)
expect_identical(refusal(loss_gradient(network, A, Y)), "Y must be 2 x 3, not 2 x 1")
expect_identical(refusal(output_delta(network, A, A, Y)), "Y must be 2 x 3, not 2 x 1")
expect_identical(
  refusal(loss_value(network, list(matrix(0, 2, 1)), list(A), list(A, A), Y)), "Y must be 2 x 3, not 2 x 1"
)

# NaN outputs give a NaN loss, not an error.
for (loss in c("quadratic", "binary_cross_entropy", "categorical_cross_entropy")) {
  expect_true(is.nan(value("linear", loss, cbind(NaN, 0.5), cbind(1, 1))))
}
