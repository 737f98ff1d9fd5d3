# NumPy's legacy stream in R, held against digits that NumPy printed; R's own against R; and the session's generator, which
# stays the caller's.

hexes <- function(values) sprintf("%a", values)

# numpy.random.RandomState(42): random_sample(3), randn(3), permutation(10), randint(6, size=8), randn(2), get_state()
state <- numpy_set_seed(42)
expect_identical(
  hexes(numpy_random_sample(state, 3)), c("0x1.7f8771e5f51ecp-2", "0x1.e6c4068bbd654p-1", "0x1.76c7e8f1e6751p-1")
)
expect_identical(
  hexes(numpy_randn(state, 3)), c("-0x1.1ca42ce8158a6p+0", "0x1.468e4b577496p-2", "0x1.1dbd0020eec47p-2")
)
expect_equal(numpy_permutation(state, 10), c(0, 8, 6, 9, 3, 1, 4, 5, 2, 7), tolerance = 0)
expect_equal(numpy_randint(state, 6, size = 8), c(3, 4, 0, 3, 1, 5, 4, 3), tolerance = 0)
expect_identical(hexes(numpy_randn(state, 2)), c("0x1.02b121345a26fp+0", "0x1.6c1518a393099p-6"))
end <- numpy_get_state(state)
expect_identical(end$key[1:2], c(723970371, 1229153189))
expect_identical(c(end$position, end$has_gauss), c(41L, 1L))
expect_identical(end$cached_gaussian, -0.42779291360334537)

# The same state goes on in the same way, the cached value included.
copy <- numpy_from_state(end)
expect_identical(numpy_randn(copy, c(3, 5)), numpy_randn(state, c(3, 5)))
expect_identical(numpy_shuffle(copy, letters), numpy_shuffle(state, letters))
expect_identical(numpy_shuffle(copy, diag(4)), numpy_shuffle(state, diag(4)))

# A matrix fills row by row, as NumPy's does.
expect_identical(
  c(t(numpy_randn(numpy_set_seed(1), c(2, 3)))), numpy_randn(numpy_set_seed(1), 6)
)

# R's stream is R's own.
RNGkind("default", "default", "default")
seeds <- if (identical(Sys.getenv("NNPARITY_PROVE"), "1")) c(-2147483647, 0:97, 2147483647) else c(-2147483647, 0, 42)
for (seed in seeds) {
  state <- r_set_seed(seed)
  ours <- list(
    r_runif(state, 100, -1, 2), r_rnorm(state, 101, 3, 2), r_rexp(state, 99, 2), r_sample(state, 1000), r_sample(state, letters, 5),
    r_sample_int(state, 9, 50, replace = TRUE), r_sample(state, 5, 3, prob = 1:5), r_get_state(state)
  )
  set.seed(seed)
  theirs <- list(
    runif(100, -1, 2), rnorm(101, 3, 2), rexp(99, 2), sample(1000), sample(letters, 5),
    sample.int(9, 50, replace = TRUE), sample(5, 3, prob = 1:5), .Random.seed
  )
  expect_identical(ours, theirs)
}
expect_identical(r_rnorm(r_from_state(.Random.seed), 5), rnorm(5))

# Drawing leaves the session's generator alone, whatever it is; and absent if it was absent.
for (kind in c("Mersenne-Twister", "Wichmann-Hill", "Marsaglia-Multicarry")) {
  suppressWarnings(set.seed(3, kind = kind, normal.kind = "Ahrens-Dieter")) # R has its doubts about some of them
  before <- .Random.seed
  r_rnorm(r_set_seed(1), 10)
  numpy_randn(numpy_set_seed(1), 10)
  expect_identical(.Random.seed, before)
  kinds <- RNGkind()
  rm(.Random.seed, envir = globalenv())
  r_rnorm(r_set_seed(1), 10)
  expect_false(exists(".Random.seed", envir = globalenv(), inherits = FALSE))
  expect_identical(RNGkind(), kinds)
}
set.seed(1, "default", "default", "default")

# Bad input is one sentence.
sentence_of <- function(call) tryCatch(call, nnparity_input_error = conditionMessage)
state <- r_set_seed(1)
expect_identical(sentence_of(r_set_seed("1")), "seed must be a whole number from -2147483647 to 2147483647, not '1'")
expect_identical(sentence_of(r_set_seed(NaN)), "seed must be a whole number from -2147483647 to 2147483647, not NaN")
expect_identical(sentence_of(numpy_set_seed(-1)), "seed must be a whole number from 0 to 4294967295, not -1")
expect_identical(sentence_of(r_runif(state, -1)), "n must be a whole number of at least 0, not -1")
expect_identical(sentence_of(r_runif(state, 1, 3, 2)), "max must be one finite number at least 3, not 2")
expect_identical(sentence_of(r_sample(state, 3, 4)), "size must be at most n, 3, without replacement, not 4")
expect_identical(sentence_of(r_sample(state, 3, prob = 1:2)), "prob must be 3 numbers, one for each outcome, not 2 values")
expect_identical(sentence_of(r_sample(state, 2, prob = c(1, -2))), "prob must hold finite numbers of at least 0 only")
expect_identical(sentence_of(r_sample(state, 3, 2, prob = c(1, 0, 0))), "prob must have at least 2 values above 0, not 1")
expect_true(startsWith(sentence_of(r_from_state(1:3)), "random_seed must be the .Random.seed of R's default generators"))
expect_true(startsWith(sentence_of(numpy_from_state(list("PCG64", 1))), "values must be what RandomState.get_state() gives"))
expect_identical(sentence_of(r_runif(42, 3)), "state must be a stream of r_set_seed or r_from_state, not 42")
expect_identical(sentence_of(numpy_randn(42, 3)), "state must be a stream of numpy_set_seed or numpy_from_state, not 42")
