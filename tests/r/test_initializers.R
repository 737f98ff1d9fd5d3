# Initializers: R's stream in the documented order, and the spread that each promises.

refusal <- function(code) tryCatch({
  code
  "nothing was refused"
}, nnparity_input_error = conditionMessage)

RNGkind("default", "default", "default")

# Draws run through W1 by column, then b1, then W2.
given <- initialize_parameters(define_network(c(2, 3, 1)), seed = 42)
set.seed(42)
expect_identical(given$W[[1]], matrix(rnorm(6), 3))
expect_identical(given$b[[1]], rnorm(3))
expect_identical(given$W[[2]], matrix(rnorm(3), 1))
expect_identical(given$b[[2]], rnorm(1))

# Layers without bias take no draws for it.
given <- initialize_parameters(define_network(c(2, 3, 1), no_bias = 1), seed = 42)
set.seed(42)
draws <- rnorm(10)
expect_identical(given$b[[1]], c(0, 0, 0))
expect_identical(as.vector(given$W[[2]]), draws[7:9])
expect_identical(given$b[[2]], draws[10])

# A stream moves on.
network <- define_network(c(2, 2))
stream <- r_set_seed(7)
first <- initialize_parameters(network, seed = stream)
second <- initialize_parameters(network, seed = stream)
set.seed(7)
expect_identical(c(first$W[[1]], first$b[[1]], second$W[[1]], second$b[[1]]), rnorm(12))

# Uniform draws are those of runif.
given <- initialize_parameters(define_network(c(4, 3)), "glorot_uniform", seed = 5)
set.seed(5)
expect_identical(given$W[[1]], matrix(runif(12, -sqrt(6 / 7), sqrt(6 / 7)), 3))
expect_identical(given$b[[1]], c(0, 0, 0))

# Weights have the promised spread: their variance for n_in = 200, n_out = 100.
spread <- c(
  normal = 1, normal_scaled = 1 / 200, glorot_uniform = 2 / 300, glorot_normal = 2 / 300, he_uniform = 2 / 200,
  he_normal = 2 / 200, lecun_uniform = 1 / 200, lecun_normal = 1 / 200, zeros = 0, constant = 0
)
for (init in names(INITIALIZERS)) {
  given <- initialize_parameters(define_network(c(200, 100)), init, seed = 3)
  W <- given$W[[1]]
  expect_true(abs(var(as.vector(W)) - spread[[init]]) <= 0.05 * spread[[init]], info = init)
  expect_true(abs(mean(W)) < 0.02 || init == "constant", info = init)
  expect_identical(any(given$b[[1]] != 0), init %in% c("normal", "normal_scaled"))
  if (endsWith(init, "uniform")) expect_true(max(abs(W)) <= sqrt(3 * spread[[init]]))
}

# Constant weights.
expect_identical(initialize_parameters(network, "constant")$W[[1]], matrix(0.1, 2, 2))
expect_identical(initialize_parameters(network, "constant", constant = -2)$W[[1]], matrix(-2, 2, 2))
expect_identical(initialize_parameters(network, "zeros")$W[[1]], matrix(0, 2, 2))

# Bad words and seeds are refused.
expect_true(startsWith(
  refusal(initialize_parameters(network, "glorot")), "init must be one of normal, normal_scaled, glorot_uniform"
))
for (seed in list(1.5, NULL, "a", 2^31)) {
  expect_true(startsWith(refusal(initialize_parameters(network, seed = seed)), "seed must be"))
}
expect_identical(
  refusal(initialize_parameters(network, "constant", constant = NaN)), "constant must be one finite number, not NaN"
)
