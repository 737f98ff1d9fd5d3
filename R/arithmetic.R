# Two ways to compute the same network: `fast` leaves products and sums to BLAS, `exact` fixes the order of every
# operation.
#
# Why exact arithmetic is the same in every bit in R and in Python: IEEE 754 defines +, -, *, / and sqrt of two doubles
# to the last bit, so elementwise expressions agree already. What languages and libraries choose for themselves is the
# order of a sum, and exp, log, tanh. Here every sum is the same balanced tree of elementwise additions (`fold`), in
# plain double, and elementary functions come from the platform's libm, as R's own do.

# The sum along the first dimension (over the rows of a matrix, one value for each column) in one fixed order: while k
# rows remain, the last floor(k/2) are added onto the first floor(k/2). A tree of depth ceiling(log2 k): the rounding
# error grows with log2 k and not with k (Higham, Accuracy and Stability of Numerical Algorithms, section 4.2).
fold <- function(terms) {
  count <- nrow(terms)
  while (count > 1L) {
    half <- count %/% 2L
    kept <- count - half
    sums <- terms[seq_len(half), , drop = FALSE] + terms[kept + seq_len(half), , drop = FALSE]
    terms <- if (kept > half) rbind(sums, terms[kept, ]) else sums
    count <- kept
  }
  as.vector(terms)
}

# A B, the products a_ik b_kj rounded one by one and summed over k by `fold`: n x K times K x m gives n x m.
exact_matmul <- function(A, B) {
  # (A B)' = B' A' has the same products in the same order; the loop should run over the fewer columns.
  if (ncol(B) > nrow(A)) return(t(exact_matmul(t(B), t(A))))
  # The first level of `fold` is taken together with the products: half as much to copy.
  left <- t(A)
  half <- ncol(A) %/% 2L
  kept <- ncol(A) - half
  first <- seq_len(half)
  last <- kept + first
  left_first <- left[first, , drop = FALSE]
  left_last <- left[last, , drop = FALSE]
  product <- matrix(0, nrow(A), ncol(B))
  for (j in seq_len(ncol(B))) {
    terms <- left_first * B[first, j] + left_last * B[last, j] # half x n
    product[, j] <- fold(if (kept > half) rbind(terms, left[kept, ] * B[kept, j]) else terms)
  }
  product
}

# A' B, summed as `exact_matmul` does.
exact_crossprod <- function(A, B) {
  exact_matmul(t(A), B)
}

# A B', summed as `exact_matmul` does.
exact_tcrossprod <- function(A, B) {
  exact_matmul(A, t(B))
}

# sum_j a_ij by `fold`: one value for each row.
exact_row_sums <- function(A) {
  fold(t(A))
}

# sum_i a_ij by `fold`: one value for each column.
exact_col_sums <- function(A) {
  fold(A)
}

# The sum of all elements by `fold`, a matrix read by column.
exact_total <- function(x) {
  fold(matrix(x, ncol = 1L))
}

# base to the exponent, two numbers: libm's pow, but a square is one product.
raise_to <- function(base, exponent) {
  base^exponent
}

# `yes` where the condition holds, `no` elsewhere (also where the condition compares with NaN), elementwise.
select <- function(condition, yes, no) {
  result <- if (length(no) == 1L) rep(no, length(condition)) else no
  dim(result) <- dim(condition)
  chosen <- which(condition)
  result[chosen] <- if (length(yes) == 1L) yes else yes[chosen]
  result
}

# The operations whose result depends on who computes them; everything else in nnparity is elementwise +, -, *, / and
# sqrt. matmul, crossprod, tcrossprod: A B, A' B and A B'. row_sums: over samples, one for each row; col_sums: over
# units, one for each column; total: one number. exp, expm1, log, log1p, tanh: elementwise.
ARITHMETICS <- list(
  fast = list(
    name = "fast",
    matmul = function(A, B) A %*% B,
    crossprod = function(A, B) crossprod(A, B),
    tcrossprod = function(A, B) tcrossprod(A, B),
    row_sums = function(A) rowSums(A),
    col_sums = function(A) colSums(A),
    total = function(x) sum(x),
    exp = exp,
    expm1 = expm1,
    log = log,
    log1p = log1p,
    tanh = tanh
  ),
  exact = list(
    name = "exact",
    matmul = exact_matmul,
    crossprod = exact_crossprod,
    tcrossprod = exact_tcrossprod,
    row_sums = exact_row_sums,
    col_sums = exact_col_sums,
    total = exact_total,
    exp = exp,
    expm1 = expm1,
    log = log,
    log1p = log1p,
    tanh = tanh
  )
)

# The arithmetic of that name, "fast" or "exact"; an arithmetic object is returned as it is.
get_arithmetic <- function(name = "fast") {
  if (is.list(name)) return(name)
  ARITHMETICS[[check_word(name, names(ARITHMETICS), "arithmetic")]]
}
