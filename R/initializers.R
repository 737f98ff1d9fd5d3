# First weights and biases, drawn from R's random stream in both languages, so that one seed gives one network.
#
# Adding an initializer is one entry in INITIALIZERS. Draws are taken in this order: W1 by column, b1, W2 by column, b2,
# ...; biases that start at zero, and those of layers without bias, take none.

# n draws from U(-limit, limit).
centred_uniform <- function(stream, n, limit) {
  r_runif(stream, n, -limit, limit)
}

# One entry for how a layer begins.
#   weights(stream, n, n_in, n_out, constant)     the n = n_out * n_in weights, by column
#   normal_biases                                 biases are drawn from N(0, 1), as Nielsen's are; otherwise they are zero
INITIALIZERS <- list(
  # N(0, 1) (Nielsen, chapter 1)
  normal = list(weights = function(stream, n, n_in, n_out, constant) r_rnorm(stream, n), normal_biases = TRUE),
  # N(0, 1/n_in), biases still N(0, 1) (Nielsen, chapter 3)
  normal_scaled = list(
    weights = function(stream, n, n_in, n_out, constant) r_rnorm(stream, n) / sqrt(n_in), normal_biases = TRUE
  ),
  # Var W = 2/(n_in + n_out) (Glorot and Bengio 2010)
  glorot_uniform = list(
    weights = function(stream, n, n_in, n_out, constant) centred_uniform(stream, n, sqrt(6 / (n_in + n_out))),
    normal_biases = FALSE
  ),
  glorot_normal = list(
    weights = function(stream, n, n_in, n_out, constant) sqrt(2 / (n_in + n_out)) * r_rnorm(stream, n),
    normal_biases = FALSE
  ),
  # Var W = 2/n_in (He et al. 2015)
  he_uniform = list(
    weights = function(stream, n, n_in, n_out, constant) centred_uniform(stream, n, sqrt(6 / n_in)),
    normal_biases = FALSE
  ),
  he_normal = list(
    weights = function(stream, n, n_in, n_out, constant) sqrt(2 / n_in) * r_rnorm(stream, n), normal_biases = FALSE
  ),
  # Var W = 1/n_in (LeCun et al. 1998)
  lecun_uniform = list(
    weights = function(stream, n, n_in, n_out, constant) centred_uniform(stream, n, sqrt(3 / n_in)),
    normal_biases = FALSE
  ),
  lecun_normal = list(
    weights = function(stream, n, n_in, n_out, constant) sqrt(1 / n_in) * r_rnorm(stream, n), normal_biases = FALSE
  ),
  zeros = list(weights = function(stream, n, n_in, n_out, constant) numeric(n), normal_biases = FALSE),
  constant = list(weights = function(stream, n, n_in, n_out, constant) rep(constant, n), normal_biases = FALSE)
)

# Weights and biases to start from: list(W =, b =), W[[l]] n_l x n_{l-1}, b[[l]] n_l values.
# init: a word of INITIALIZERS. seed: a whole number, as set.seed takes it, or a stream of `r_set_seed`, which moves on.
# constant: the weights' value for init = "constant".
initialize_parameters <- function(network, init = "normal", seed = 1, constant = 0.1) {
  initializer <- INITIALIZERS[[check_word(init, names(INITIALIZERS), "init")]]
  constant <- check_number(constant, "constant")
  stream <- if (is.null(seed) || (is.atomic(seed) && length(seed) == 1L)) r_set_seed(seed) else seed
  W <- list()
  b <- list()
  for (layer in seq_len(length(network$sizes) - 1L)) {
    n_in <- network$sizes[layer]
    n_out <- network$sizes[layer + 1L]
    W[[layer]] <- matrix(initializer$weights(stream, n_out * n_in, n_in, n_out, constant), n_out, n_in)
    drawn <- initializer$normal_biases && !(layer %in% network$no_bias)
    b[[layer]] <- if (drawn) r_rnorm(stream, n_out) else numeric(n_out)
  }
  list(W = W, b = b)
}
