# Activations: values and derivatives against 50-digit truth from -1000 to 1000, compositions, softmax.

refusal <- function(code) tryCatch({
  code
  "nothing was refused"
}, nnparity_input_error = conditionMessage)
close_to <- function(value, truth, relative, absolute = 0) {
  all(abs(as.vector(value) - as.vector(truth)) <= absolute + relative * abs(as.vector(truth)))
}

network <- define_network(c(2, 2))

# z, then for each activation its value and derivative at each z, from 2000-digit arithmetic (mpmath) rounded to double.
points <- c(-1000, -37.5, -3, -0.5, 0.75, 20, 1000)
truth <- list(
  linear = list(points, rep(1, 7)),
  sigmoid = list(
    c(0, 5.1755550058018682e-17, 0.047425873177566781, 0.37754066879814546, 0.67917869917539297, 0.99999999793884642, 1),
    c(0, 5.1755550058018682e-17, 0.04517665973091213, 0.23500371220159449, 0.21789499376181404, 2.0611536139418492e-09, 0)
  ),
  tanh = list(
    c(-1, -1, -0.99505475368673046, -0.46211715726000974, 0.6351489523872873, 1, 1),
    c(0, 1.0714547847232311e-32, 0.0098660371654401904, 0.7864477329659274, 0.59658580828133145, 1.6993417021166355e-17, 0)
  ),
  relu = list(c(0, 0, 0, 0, 0.75, 20, 1000), c(0, 0, 0, 0, 1, 1, 1)),
  leaky_relu = list(c(-10, -0.375, -0.03, -0.005, 0.75, 20, 1000), c(0.01, 0.01, 0.01, 0.01, 1, 1, 1)),
  elu = list(
    c(-1, -1, -0.95021293163213605, -0.39346934028736658, 0.75, 20, 1000),
    c(0, 5.1755550058018688e-17, 0.049787068367863944, 0.60653065971263342, 1, 1, 1)
  ),
  softplus = list(
    c(0, 5.1755550058018682e-17, 0.048587351573742062, 0.47407698418010669, 1.1368710061148999, 20.000000002061153, 1000),
    c(0, 5.1755550058018682e-17, 0.047425873177566781, 0.37754066879814546, 0.67917869917539297, 0.99999999793884642, 1)
  ),
  gelu = list(
    c(0, 0, -0.0036373920817730191, -0.15428599017485609, 0.57996055516562028, 20, 1000),
    c(0, 0, -0.011584166630969728, 0.1326300964653577, 0.99893825613741427, 1, 1)
  ),
  silu = list(
    c(
      0, -1.9408331271757007e-15, -0.14227761953270035, -0.18877033439907273, 0.50938402438154473, 19.999999958776929,
      1000
    ),
    c(
      0, -1.8890775771176817e-15, -0.088104106015169617, 0.26003881269734819, 0.84259994449675346, 1.0000000391619186, 1
    )
  )
)

# Value and derivative are the truth from minus to plus 1000.
for (name in names(truth)) {
  for (arithmetic in c("fast", "exact")) {
    Z <- matrix(points, 1)
    A <- activate(name, Z, network, arithmetic)
    expect_true(close_to(A, truth[[name]][[1]], 2e-15), info = name)
    expect_true(close_to(activation_derivative(name, Z, A, network, arithmetic), truth[[name]][[2]], 2e-14), info = name)
  }
}

# Every activation has its truth.
expect_true(setequal(c(names(truth), "softmax"), names(ACTIVATIONS)))

# Derivative at zero.
zero <- matrix(c(0, -0), 1)
expected <- c(relu = 0, leaky_relu = 0.3, elu = 1.7, sigmoid = 0.25, tanh = 1, gelu = 0.5, silu = 0.5)
bent <- define_network(c(2, 2), slope = 0.3, elu_alpha = 1.7)
for (name in names(expected)) {
  expect_identical(activation_derivative(name, zero, zero, bent), matrix(expected[[name]], 1, 2))
}

# Softmax at 1000 and its Jacobian.
Z <- rbind(c(1000, -1000, 0), c(999, 1000, 0), c(-1000, 1000, 0))
for (arithmetic in c("fast", "exact")) {
  A <- activate("softmax", Z, network, arithmetic)
  expected <- rbind(c(1 / (1 + exp(-1)), 0, 1 / 3), c(1 / (1 + exp(1)), 0.5, 1 / 3), c(0, 0.5, 1 / 3))
  expect_true(close_to(A, expected, 1e-15))
  set.seed(1)
  Z2 <- matrix(rnorm(12), 4)
  dA <- matrix(rnorm(12), 4)
  A2 <- activate("softmax", Z2, network, arithmetic)
  for (i in 1:3) {
    jacobian <- diag(A2[, i]) - outer(A2[, i], A2[, i])
    delta <- backprop_activation("softmax", Z2, A2, dA, network, arithmetic)[, i]
    expect_true(close_to(delta, crossprod(jacobian, dA[, i]), 0, 1e-15))
  }
}

# A composition is applied from left to right.
Z <- rbind(c(1, -2), c(-1, 3))
relu <- rbind(c(1, 0), c(0, 3))
expect_identical(activate("relu+softmax", Z, network), activate("softmax", relu, network))
A <- activate("relu+softmax", Z, network)
dA <- rbind(c(1, 2), c(3, -1))
delta <- backprop_activation("softmax", relu, A, dA, network) * (Z > 0)
expect_identical(backprop_activation("relu+softmax", Z, A, dA, network), delta)
chain <- activate("tanh+sigmoid", Z, network)
slope <- activation_derivative("tanh+sigmoid", Z, chain, network)
step <- 1e-6
central <- (activate("tanh+sigmoid", Z + step, network) - activate("tanh+sigmoid", Z - step, network)) / (2 * step)
expect_true(close_to(slope, central, 1e-7))

# NaN passes.
for (name in names(ACTIVATIONS)) {
  expect_true(is.nan(activate(name, rbind(c(1, NaN), c(-1, 0.5)), network)[1, 2]), info = name)
}

# Bad names are refused in one sentence.
words <- "linear, sigmoid, tanh, relu, leaky_relu, elu, softplus, gelu, silu, softmax"
Z <- matrix(0, 1, 1)
expect_identical(
  refusal(activate("sigmiod", Z, network)),
  paste0("activation must be one of ", words, ", not 'sigmiod'; did you mean 'sigmoid'?")
)
for (name in list("", "relu+", "+relu", "relu++tanh", "relu softmax", NULL, 3)) {
  expect_true(startsWith(refusal(activate(name, Z, network)), "activation must be one of"))
}
expect_true(endsWith(
  refusal(activation_derivative("relu+softmax", Z, Z, network)), "softmax has a whole Jacobian: use backprop_activation"
))
