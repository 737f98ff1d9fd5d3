# How good are the outputs: class accuracy, top-k, confusion matrix, R^2 and RMSE.
#
# Adding one is one entry in METRICS. Outputs A and targets Y are n_L x m, one column per sample.

# The class of each sample: the place, from 1, of its largest output (the first of equals); a_1 > 1/2 for one unit.
classify <- function(A) {
  if (nrow(A) == 1L) return(as.integer(A[1L, ] > 0.5) + 1L)
  max.col(t(A), ties.method = "first")
}

# The share of samples whose class is the target's.
accuracy <- function(A, Y, arithmetic = "fast") {
  sum(classify(A) == classify(Y)) / ncol(Y)
}

# The share of samples whose target class is among the k with the largest outputs; of equal outputs, those of earlier
# units come first. One unit stands for two classes.
top_k_accuracy <- function(A, Y, k = 5) {
  k <- check_count(k, "k")
  target <- classify(Y)
  if (nrow(A) == 1L) return(sum((classify(A) != target) < k) / ncol(Y)) # the class that is not taken comes second
  own <- rep(A[cbind(target, seq_len(ncol(A)))], each = nrow(A))
  before <- row(A) < rep(target, each = nrow(A))
  rank <- colSums(A > own | (A == own & before))
  sum(rank < k) / ncol(Y)
}

# How many samples of each class (rows) were taken for each class (columns): n_L x n_L, 2 x 2 for one unit.
confusion_matrix <- function(A, Y) {
  classes <- max(2L, nrow(Y))
  places <- classify(Y) + classes * (classify(A) - 1L)
  matrix(tabulate(places, classes * classes), classes, classes)
}

# sqrt(sum (a - y)^2 / (n_L m)), the root mean squared error.
rmse <- function(A, Y, arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  R <- A - Y
  sqrt(arithmetic$total(R * R) / length(R))
}

# 1 - sum (a - y)^2 / sum (y - y_bar)^2, y_bar each unit's mean target; NaN where the targets do not vary.
r_squared <- function(A, Y, arithmetic = "fast") {
  arithmetic <- get_arithmetic(arithmetic)
  R <- A - Y
  centred <- Y - arithmetic$row_sums(Y) / ncol(Y)
  spread <- arithmetic$total(centred * centred)
  if (isTRUE(spread > 0)) 1 - arithmetic$total(R * R) / spread else NaN
}

# One entry for each measure of outputs against targets: value(A, Y, arithmetic), one number, and whether larger is
# better.
METRICS <- list(
  accuracy = list(value = accuracy, larger_is_better = TRUE),
  rmse = list(value = rmse, larger_is_better = FALSE),
  r_squared = list(value = r_squared, larger_is_better = TRUE)
)
