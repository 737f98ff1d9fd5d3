# Traces are compared element by element; what has no distance is a difference. (Python: tests/python/test_compare.py)

A <- rbind(c(1, 2), c(3, 4), c(5, 6))
moved <- function(row, col, value) {
  A[row, col] <- value
  A
}

# Equal values agree.
difference <- compare_quantity("W2_new", A, A)
expect_true(difference$agrees)
expect_equal(unlist(difference[c("count", "max_abs", "max_rel", "max_ulp")], use.names = FALSE), c(6, 0, 0, 0))

# The worst element is measured and placed.
difference <- compare_quantity("dW2", A, moved(3, 1, 5 + 2^-50), bound = 0 * A + 2^-51)
expect_false(difference$agrees)
expect_identical(difference$max_abs, 2^-50)
expect_identical(difference$max_rel, 2^-50 / (5 + 2^-50))
expect_identical(difference$max_ulp, 1)
expect_identical(difference$ratio, 2)
expect_equal(difference$place, "dW[[2]][3, 1]")
expect_identical(c(difference$value_a, difference$value_b), c(5, 5 + 2^-50))

# Within the bound is rounding.
expect_true(compare_quantity("dW2", A, moved(3, 1, 5 + 2^-50), bound = 0 * A + 2^-50)$agrees)

# The worst is the worst by the bound, not by size.
B <- moved(1, 1, 1 + 1e-9)
B[3, 2] <- 6 + 1e-6
bound <- 0 * A + 1
bound[1, 1] <- 1e-12
expect_equal(compare_quantity("Z1", A, B, bound)$place, "Z[[1]][1, 1]")

# What has no distance is a difference.
cases <- list(
  list(A, t(A), "shape 3 \u00d7 2 against 2 \u00d7 3"),
  list(A, A[, 1], "shape 3 \u00d7 2 against 3"),
  list(A, moved(2, 2, NaN), "4 against NaN"),
  list(A, moved(2, 2, Inf), "4 against Inf"),
  list(moved(2, 2, -Inf), moved(2, 2, Inf), "-Inf against Inf"),
  list(A, NULL, "missing in the second trace"),
  list(NULL, A, "missing in the first trace")
)
for (case in cases) {
  for (bound in list(NULL, 0 * A + 1e300)) {
    difference <- compare_quantity("Z1", case[[1L]], case[[2L]], bound)
    expect_false(difference$agrees)
    expect_equal(difference$problem, case[[3L]])
  }
}

# The same undefined value is no difference.
for (value in c(NaN, Inf, -Inf)) {
  expect_true(compare_quantity("Z1", moved(1, 2, value), moved(1, 2, value), arithmetic = "exact")$agrees)
}
expect_false(compare_quantity("loss", 1, NaN)$agrees)
expect_true(compare_quantity("loss", NaN, NaN)$agrees)

# The sign of zero counts in exact arithmetic only.
expect_true(compare_quantity("Z1", matrix(0), matrix(-0))$agrees)
difference <- compare_quantity("Z1", matrix(0), matrix(-0), arithmetic = "exact")
expect_false(difference$agrees)
expect_equal(difference$problem, "the sign of zero differs")

# An infinite bound bounds nothing.
for (bound in c(Inf, NaN)) expect_false(compare_quantity("Z1", A, moved(1, 1, 1.5), 0 * A + bound)$agrees)

# Ulps.
ulps <- rbind(
  c(1, 1 + 2^-52, 1), c(1, 1 - 2^-53, 0.5), c(2^-1074, 0, 1), c(-2^-1074, 2^-1074, 2), c(1e300, 1e300, 0),
  c(.Machine$double.xmax, .Machine$double.xmax * (1 - 2^-53), 1), c(1, Inf, Inf), c(2^-1022, 2^-1022 - 2^-1074, 1)
)
expect_identical(ulp_distance(ulps[, 1], ulps[, 2]), ulps[, 3])

# Places.
expect_equal(element_place("W2_new", c(3, 1)), "W_new[[2]][3, 1]")
expect_equal(element_place("A0", c(3, 1)), "A[[1]][3, 1]")
expect_equal(element_place("A2", c(1, 2)), "A[[3]][1, 2]")
expect_equal(element_place("Z1", c(1, 2)), "Z[[1]][1, 2]")
expect_equal(element_place("b1_new", 4), "b_new[[1]][4]")
expect_equal(element_place("delta12", c(1, 2)), "delta[[12]][1, 2]")
expect_equal(element_place("W1_velocity", c(1, 2)), "W_velocity[[1]][1, 2]")
expect_equal(element_place("loss", NULL), "loss")
expect_equal(element_place("step_count", NULL), "step_count")

# The first difference in order of computation.
a <- list(Z1 = A, A1 = A, loss = 1)
b <- list(Z1 = A, A1 = moved(1, 1, 7), loss = 2, dW1 = A)
comparison <- compare_traces(a, b)
expect_equal(comparison$quantity, c("Z1", "A1", "loss", "dW1"))
expect_equal(first_difference(comparison)$quantity, "A1")
expect_null(first_difference(compare_traces(a, a)))
expect_equal(comparison$problem[[4L]], "missing in the first trace")
