# The digits of the race, `data`: MNIST's, or without a path the shipped ones, enlarged and repeated.

path <- commandArgs(trailingOnly = TRUE)[1L]
if (is.na(path) || path == "") {
  small <- load_digits()
  rows <- (seq_len(10000) - 1) %% nrow(small$X) + 1
  place <- c(rep(NA, 2), rep(1:8, each = 3), rep(NA, 2))
  pixel <- outer(place, place, function(i, j) (i - 1) * 8 + j)
  images <- small$X[, ifelse(is.na(t(pixel)), 1, t(pixel))]
  images[, is.na(t(pixel))] <- 0
  data <- list(X = images[rows, ], y = small$y[rows])
} else {
  data <- load_data(path)
}
