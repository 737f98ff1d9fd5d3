# The network: shapes, a worked example, and gradients against complex-step differences of a naive network.

refusal <- function(code) tryCatch({
  code
  "nothing was refused"
}, nnparity_input_error = conditionMessage)

where <- function(condition, yes, no) {
  no[condition] <- yes[condition]
  no
}

# The oracle: textbook formulas over complex numbers, no stable forms, no backpropagation.
naive_activations <- list(
  linear = function(z, n) z,
  sigmoid = function(z, n) 1 / (1 + exp(-z)),
  tanh = function(z, n) tanh(z),
  relu = function(z, n) where(Re(z) > 0, z, 0 * z),
  leaky_relu = function(z, n) where(Re(z) > 0, z, n$slope * z),
  elu = function(z, n) where(Re(z) > 0, z, n$elu_alpha * (exp(z) - 1)),
  softplus = function(z, n) log(1 + exp(z)),
  gelu = function(z, n) z / 2 * (1 + tanh(sqrt(2 / pi) * (z + 0.044715 * z * z * z))),
  silu = function(z, n) z / (1 + exp(-z)),
  softmax = function(z, n) exp(z) / rep(colSums(exp(z)), each = nrow(z))
)
naive_losses <- list(
  quadratic = function(a, y, n) (a - y)^2 / 2,
  mean_squared_error = function(a, y, n) (a - y)^2 / nrow(a),
  mean_absolute_error = function(a, y, n) (a - y) * sign(Re(a - y)) / nrow(a),
  huber = function(a, y, n) {
    r <- a - y
    where(abs(Re(r)) <= n$huber_delta, r^2 / 2, n$huber_delta * (r * sign(Re(r)) - n$huber_delta / 2)) / nrow(a)
  },
  binary_cross_entropy = function(a, y, n) -(y * log(a) + (1 - y) * log(1 - a)),
  categorical_cross_entropy = function(a, y, n) -y * log(a)
)

# C of textbook formulas.
naive_loss <- function(network, W, b, X, Y) {
  A <- X + 0i
  C <- 0
  for (k in seq_along(W)) {
    A <- W[[k]] %*% A + b[[k]]
    for (part in strsplit(network$activations[k], "+", fixed = TRUE)[[1]]) A <- naive_activations[[part]](A, network)
    C <- C + network$l1 * sum(W[[k]] * sign(Re(W[[k]]))) + network$l2 / 2 * sum(W[[k]]^2)
  }
  sum(naive_losses[[network$loss]](A, Y, network)) / ncol(X) + C
}

# dC/dw = Im C(w + ih)/h, to rounding error, for each single parameter (Squire and Trapp 1998).
complex_step_gradients <- function(network, W, b, X, Y) {
  h <- 1e-100
  dW <- W
  db <- b
  for (k in seq_along(W)) {
    for (i in seq_along(W[[k]])) {
      moved <- W
      moved[[k]][i] <- W[[k]][i] + 1i * h
      dW[[k]][i] <- Im(naive_loss(network, moved, b, X, Y)) / h
    }
    for (i in seq_along(b[[k]])) {
      moved <- b
      moved[[k]][i] <- b[[k]][i] + 1i * h
      db[[k]][i] <- Im(naive_loss(network, W, moved, X, Y)) / h
    }
  }
  list(dW = dW, db = db)
}

draw <- function(network, m) {
  layers <- seq_len(length(network$sizes) - 1)
  list(
    W = lapply(layers, function(l) matrix(rnorm(network$sizes[l + 1] * network$sizes[l]), network$sizes[l + 1])),
    b = lapply(layers, function(l) rnorm(network$sizes[l + 1]) * !(l %in% network$no_bias)),
    X = matrix(rnorm(network$sizes[1] * m), ncol = m),
    Y = matrix(runif(network$sizes[length(network$sizes)] * m), ncol = m)
  )
}

# Gradients are complex-step differences of the loss.
outputs <- c(names(ACTIVATIONS), "relu+softmax", "tanh+sigmoid", "silu+softplus")
in_unit_interval <- c("sigmoid", "softmax", "relu+softmax", "tanh+sigmoid")
set.seed(3)
for (loss in names(LOSSES)) {
  checked <- 0
  for (i in seq_along(outputs)) {
    arithmetic <- c("fast", "exact")[1 + i %% 2]
    hidden <- outputs[1 + (2 * i + 0:1) %% length(outputs)]
    network <- define_network(
      c(3, 4, 2, 3), hidden, outputs[i], loss, slope = 0.2, huber_delta = 0.4, elu_alpha = 1.3, no_bias = 2,
      l1 = 0.01, l2 = 0.02
    )
    given <- draw(network, 5)
    W <- given$W
    b <- given$b
    if (grepl("cross_entropy", loss) && !(outputs[i] %in% in_unit_interval)) {
      W[[3]] <- abs(W[[3]]) * 0.05 # outputs near 1/2, inside the domain
      b[[3]] <- rep(0.5, 3)
    }
    passed <- forward(network, W, b, given$X, arithmetic)
    gradients <- tryCatch(
      backward(network, W, passed$Z, passed$A, given$Y, arithmetic), nnparity_input_error = function(e) NULL
    )
    if (is.null(gradients)) next
    naive <- complex_step_gradients(network, W, b, given$X, given$Y)
    expect_equal(
      loss_value(network, W, passed$Z, passed$A, given$Y, arithmetic), Re(naive_loss(network, W, b, given$X, given$Y)),
      tolerance = 1e-12
    )
    for (k in 1:3) {
      scale <- max(abs(naive$dW[[k]]), abs(naive$db[[k]]), 1e-3)
      where_it_is <- paste(loss, outputs[i], k)
      expect_true(max(abs(gradients$dW[[k]] - naive$dW[[k]])) <= 1e-12 * scale, info = where_it_is)
      if (k == 2) {
        expect_true(all(gradients$db[[k]] == 0))
      } else {
        expect_true(max(abs(gradients$db[[k]] - naive$db[[k]])) <= 1e-12 * scale, info = where_it_is)
      }
    }
    expect_identical(lapply(gradients$delta, dim), list(c(4L, 5L), c(2L, 5L), c(3L, 5L)))
    checked <- checked + 1
  }
  expect_true(checked >= 11, info = loss)
}

# A step worked out by hand: one input, one hidden relu unit, one linear output, two samples, quadratic loss, eta = 0.5.
#   x = 1, -1      z1 = 2x + 1 = 3, -1     a1 = 3, 0     a2 = z2 = 4 a1 - 2 = 10, -2     y = 8, 0
#   C = 1/2 (2^2 + 2^2) / 2 = 2            delta2 = 2, -2
#   dW2 = (2*3 + -2*0)/2 = 3               db2 = (2 - 2)/2 = 0
#   delta1 = 4*2*1, 4*(-2)*0 = 8, 0        dW1 = (8*1 + 0)/2 = 4       db1 = 4
network <- define_network(c(1, 1, 1), "relu", "linear")
W <- list(matrix(2), matrix(4))
b <- list(1, -2)
X <- matrix(c(1, -1), 1)
Y <- matrix(c(8, 0), 1)
for (arithmetic in c("fast", "exact")) {
  passed <- forward(network, W, b, X, arithmetic)
  expect_identical(passed$Z, list(matrix(c(3, -1), 1), matrix(c(10, -2), 1)))
  expect_identical(passed$A, list(X, matrix(c(3, 0), 1), matrix(c(10, -2), 1)))
  gradients <- backward(network, W, passed$Z, passed$A, Y, arithmetic)
  expect_identical(gradients$delta, list(matrix(c(8, 0), 1), matrix(c(2, -2), 1)))
  expect_identical(gradients$dW, list(matrix(4), matrix(3)))
  expect_identical(gradients$db, list(4, 0))
  after <- gradient_step(network, define_optimizer(), W, b, X, Y, list(), arithmetic)
  expect_identical(after$loss, 2)
  expect_identical(after$W, list(matrix(0), matrix(2.5)))
  expect_identical(after$b, list(-1, -2))
  expect_identical(after$state, list())
}

# Any depth and width.
set.seed(4)
for (sizes in list(c(1, 1), c(5, 2), c(1, 1, 1), c(3, 1, 4), rep(2, 10))) {
  network <- define_network(sizes, "tanh", "softmax", "categorical_cross_entropy")
  given <- draw(network, 1)
  optimizer <- define_optimizer("adam")
  state <- initial_state(optimizer, given$W, given$b)
  after <- gradient_step(network, optimizer, given$W, given$b, given$X, given$Y, state)
  expect_identical(lapply(after$W, dim), lapply(given$W, dim))
  expect_identical(lengths(after$b), lengths(given$b))
  expect_true(is.finite(after$loss))
  expect_identical(after$state$step_count, 1)
}

# One word serves all hidden layers.
expect_identical(define_network(c(2, 3, 4, 1), "relu")$activations, c("relu", "relu", "sigmoid"))
expect_identical(
  define_network(c(2, 3, 4, 1), c("relu", "relu+tanh"), "linear")$activations, c("relu", "relu+tanh", "linear")
)
expect_identical(define_network(c(2, 1))$activations, "sigmoid")

# A definition that makes no sense is refused.
expect_identical(
  refusal(define_network(4)), "sizes must hold at least two widths, those of the inputs and of the outputs"
)
expect_identical(refusal(define_network(c(4, 2.5))), "sizes[2] must be a whole number of at least 1, not 2.5")
expect_identical(refusal(define_network(c(0, 2))), "sizes[1] must be a whole number of at least 1, not 0")
expect_identical(
  refusal(define_network(c(4, 3, 2), c("relu", "tanh"))),
  "activation must be one word or one for each of the 1 hidden layers, not 2 words"
)
expect_identical(
  refusal(define_network(c(4, 2), loss = "mse")),
  paste(
    "loss must be one of quadratic, mean_squared_error, mean_absolute_error, huber, binary_cross_entropy,",
    "categorical_cross_entropy, not 'mse'; did you mean 'mean_squared_error'?"
  )
)
expect_identical(refusal(define_network(c(4, 2), no_bias = 2)), "no_bias must hold layer numbers from 1 to 1, not 2")
expect_identical(
  refusal(define_network(c(4, 2), huber_delta = 0)), "huber_delta must be one finite number above 0, not 0"
)
expect_identical(refusal(define_network(c(4, 2), l2 = -1)), "l2 must be one finite number at least 0, not -1")
expect_identical(refusal(define_network(c(4, 2), slope = NaN)), "slope must be one finite number, not NaN")

# Shapes that are not the network's are refused.
network <- define_network(c(3, 2))
given <- draw(network, 4)
W <- given$W
b <- given$b
passed <- forward(network, W, b, given$X)
expect_identical(refusal(forward(network, W, b, t(given$X))), "X must be 3 x any, not 4 x 3")
expect_identical(refusal(forward(network, list(t(W[[1]])), b, given$X)), "W1 must be 2 x 3, not 3 x 2")
expect_identical(
  refusal(forward(network, W, list(numeric(3)), given$X)), "b1 must be a vector of 2 numbers, not of 3"
)
expect_identical(
  refusal(forward(network, c(W, W), b, given$X)), "W and b must hold one entry for each of the 1 layers, not 2 and 1"
)
expect_identical(
  refusal(backward(network, W, passed$Z, passed$A[-1], given$Y)),
  "W, Z and A must hold 1, 1 and 2 matrices, not 1, 1 and 1"
)
expect_identical(
  refusal(backward(network, W, passed$Z, passed$A, given$Y[, 1, drop = FALSE])), "Y must be 2 x 4, not 2 x 1"
)
expect_identical(
  refusal(forward(network, W, b, given$X[, 0])), "X must have at least one row and one column, not 3 x 0"
)
expect_true(startsWith(
  refusal(forward(network, W, b, matrix("a", 3, 4))), "X must be a matrix of numbers, not"
))
