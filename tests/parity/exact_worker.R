# The R half of test_exact.py: Rscript exact_worker.R ROOT FOLDER traces every case of FOLDER/cases.R in exact arithmetic.
#
# FOLDER/data.bin holds the cases' numbers as raw doubles, one case after another; FOLDER/out.bin takes the traces' numbers,
# FOLDER/out.txt one line "case step quantity count" for each quantity, in the same order.

arguments <- commandArgs(trailingOnly = TRUE)
source(file.path(arguments[1L], "R", "nnparity.R"))
folder <- arguments[2L]
cases <- source(file.path(folder, "cases.R"))$value
data <- file(file.path(folder, "data.bin"), "rb")
out <- file(file.path(folder, "out.bin"), "wb")
lines <- list()

read_matrix <- function(rows, columns) matrix(readBin(data, "double", rows * columns), rows, columns)

for (i in seq_along(cases)) {
  case <- cases[[i]]
  network <- do.call(define_network, case$network)
  optimizer <- do.call(define_optimizer, case$optimizer)
  sizes <- case$network$sizes
  W <- list()
  b <- list()
  for (layer in seq_len(length(sizes) - 1L)) {
    W[[layer]] <- read_matrix(sizes[layer + 1L], sizes[layer])
    b[[layer]] <- readBin(data, "double", sizes[layer + 1L])
  }
  state <- initial_state(optimizer, W, b)
  X <- read_matrix(sizes[1L], case$batch)
  Y <- read_matrix(sizes[length(sizes)], case$batch)
  for (step in seq_len(case$steps)) {
    traced <- tryCatch(
      trace_step(network, optimizer, W, b, X, Y, state, get_arithmetic("exact")),
      nnparity_input_error = identity
    )
    if (inherits(traced, "condition")) {
      lines[[length(lines) + 1L]] <- paste(i, step, "error", conditionMessage(traced))
      break
    }
    for (quantity in names(traced)) {
      lines[[length(lines) + 1L]] <- paste(i, step, quantity, length(traced[[quantity]]))
      writeBin(as.double(traced[[quantity]]), out)
    }
    for (layer in seq_along(W)) {
      W[[layer]] <- traced[[paste0("W", layer, "_new")]]
      b[[layer]] <- as.vector(traced[[paste0("b", layer, "_new")]])
    }
    for (name in names(state)) {
      value <- traced[[name]]
      state[[name]] <- if (is.matrix(state[[name]])) value else as.vector(value)
    }
  }
}
close(data)
close(out)
writeLines(unlist(lines), file.path(folder, "out.txt"))
