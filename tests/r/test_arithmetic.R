# The two arithmetics: what exact arithmetic fixes, and where both must be IEEE.

refusal <- function(code) tryCatch({
  code
  "nothing was refused"
}, nnparity_input_error = conditionMessage)

# fold adds the last half onto the first.
# five terms: (1st + 4th), (2nd + 5th), 3rd; then (.. + 3rd), ..; then the rest. 2^53 + 1 is lost, 2^53 + 2 is not.
big <- 2^53
expect_identical(fold(matrix(c(1, 1, 1, 0, big))), ((1 + 0) + 1) + (1 + big))
expect_identical(fold(rbind(c(big, 1), c(1, 2), c(1, 3))), c((big + 1) + 1, 6))

# Exact products are those of single numbers.
set.seed(1)
exact <- get_arithmetic("exact")
for (size in list(c(1, 1, 1), c(1, 7, 1), c(3, 5, 4), c(2, 784, 3), c(70, 33, 50))) {
  n <- size[1]
  K <- size[2]
  m <- size[3]
  A <- matrix(rnorm(n * K), n, K)
  B <- matrix(rnorm(K * m), K, m)
  product <- exact$matmul(A, B)
  for (place in list(c(1, 1), c(n, m))) {
    expect_identical(product[place[1], place[2]], fold(matrix(A[place[1], ] * B[, place[2]])))
  }
  expect_identical(exact$crossprod(t(A), B), product)
  expect_identical(exact$tcrossprod(A, t(B)), product)
  expect_identical(exact$matmul(t(B), t(A)), t(product))
  expect_true(max(abs(product - A %*% B)) < 1e-12 * K)
}

# Sums run over samples, units and all.
A <- rbind(c(1, 2, 3), c(4, 5, 6))
for (arithmetic in ARITHMETICS) {
  expect_identical(arithmetic$row_sums(A), c(6, 15))
  expect_identical(arithmetic$col_sums(A), c(5, 7, 9))
  expect_identical(arithmetic$total(A), 21)
}

# Functions overflow to infinity and keep NaN.
x <- rbind(c(1000, -1000, 0), c(-0, NaN, Inf))
for (arithmetic in ARITHMETICS) {
  expect_identical(arithmetic$exp(x)[1, ], c(Inf, 0, 1))
  expect_identical(arithmetic$log(abs(x))[1, c(1, 3)], c(log(1000), -Inf))
  expect_true(is.nan(suppressWarnings(arithmetic$log(x))[1, 2]))
  expect_identical(arithmetic$log1p(c(-1, 0)), c(-Inf, 0))
  expect_identical(arithmetic$expm1(x)[1, ], c(Inf, -1, 0))
  expect_identical(arithmetic$tanh(x)[1, ], c(1, -1, 0))
  for (name in c("exp", "log", "log1p", "expm1", "tanh")) {
    expect_true(is.nan(suppressWarnings(arithmetic[[name]](x))[2, 2]))
  }
}

# select takes `no` for NaN.
Z <- rbind(c(1, NaN), c(-1, 0))
expect_identical(select(Z > 0, 1, 0), rbind(c(1, 0), c(0, 0)))
expect_identical(select(Z > 0, Z, -Z)[2, ], c(1, 0))

# raise_to squares by one product.
expect_identical(raise_to(0.999, 2), 0.999 * 0.999)
expect_identical(raise_to(0.9, 1), 0.9)

# An unknown arithmetic is named.
expect_identical(
  refusal(get_arithmetic("exakt")), "arithmetic must be one of fast, exact, not 'exakt'; did you mean 'exact'?"
)
expect_identical(get_arithmetic(get_arithmetic("exact"))$name, "exact")
