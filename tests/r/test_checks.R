# The sentences: what was expected, what came, where, and the nearest right word.

sentence <- function(code) tryCatch({
  code
  "nothing was refused"
}, nnparity_input_error = conditionMessage)

# An input error is an error.
expect_true(inherits(tryCatch(stop_input("so"), error = identity), "nnparity_input_error"))

# Values are described.
expect_identical(describe(0.1), "0.1")
expect_identical(describe(1234567), "1.23457e+06")
expect_identical(describe(-Inf), "-Inf")
expect_identical(describe(NaN), "NaN")
expect_identical(describe("relu"), "'relu'")
expect_identical(describe(NULL), "nothing")
expect_identical(describe(TRUE), "a logical value")
expect_identical(describe(matrix(0, 2, 3)), "an array of numbers with shape 2 x 3")
expect_identical(describe(c(1, 2)), "2 values")

# Edit distance counts letters.
expect_identical(edit_distance("sigmod", "sigmoid"), 1L)
expect_identical(edit_distance("kitten", "sitting"), 3L)
expect_identical(edit_distance("", "abc"), 3L)

# The nearest word is offered if there is one.
words <- names(LOSSES)
expect_identical(nearest_word("mse", words), "mean_squared_error")
expect_identical(nearest_word("BCE", words), "binary_cross_entropy")
expect_identical(nearest_word("cce", words), "categorical_cross_entropy")
expect_identical(nearest_word("Huber", words), "huber")
expect_identical(nearest_word("quadratc", words), "quadratic")
expect_identical(nearest_word("mean-squared-error", words), "mean_squared_error")
expect_null(nearest_word("xyzzy and more of it", words))
expect_identical(
  sentence(check_word("qq", c("fast", "exact"), "arithmetic")), "arithmetic must be one of fast, exact, not 'qq'"
)

# Numbers.
expect_identical(check_number(3L, "eta"), 3)
expect_identical(sentence(check_number("x", "eta")), "eta must be one finite number, not 'x'")
expect_identical(sentence(check_number(TRUE, "eta")), "eta must be one finite number, not a logical value")
expect_identical(
  sentence(check_number(1, "eta", above = 1, below = 2)), "eta must be one finite number above 1 and below 2, not 1"
)
expect_identical(sentence(check_number(c(1, 2), "eta")), "eta must be one finite number, not 2 values")

# Counts.
expect_identical(check_count(3L, "epochs"), 3)
expect_identical(sentence(check_count(0, "epochs")), "epochs must be a whole number of at least 1, not 0")
expect_identical(sentence(check_count(2.5, "epochs")), "epochs must be a whole number of at least 1, not 2.5")
expect_identical(sentence(check_count(NULL, "epochs")), "epochs must be a whole number of at least 1, not nothing")

# Matrices and vectors.
expect_identical(check_matrix(matrix(1:2, 1), "X"), matrix(c(1, 2), 1))
expect_identical(sentence(check_matrix(matrix(0, 2, 3), "X", rows = 3)), "X must be 3 x any, not 2 x 3")
expect_identical(sentence(check_matrix(matrix(0, 2, 3), "X", columns = 2)), "X must be any x 2, not 2 x 3")
expect_identical(sentence(check_matrix("text", "X")), "X must be a matrix of numbers, not 'text'")
expect_identical(sentence(check_vector(c(0, 0), "b1", 3)), "b1 must be a vector of 3 numbers, not of 2")
expect_identical(sentence(check_vector("text", "b1", 3)), "b1 must be a vector of 3 numbers, not 'text'")

# What is not finite is placed.
matrix <- matrix(0, 2, 3)
expect_identical(check_finite(matrix, "X"), matrix)
matrix[2, 1] <- NaN
matrix[1, 3] <- Inf
expect_identical(sentence(check_finite(matrix, "X")), "X must hold finite numbers only, not NaN (row 2, column 1)")
matrix[2, 1] <- 0
expect_identical(sentence(check_finite(matrix, "X")), "X must hold finite numbers only, not Inf (row 1, column 3)")
