# The R half of evaluate.py: Rscript trace_worker.R ROOT FOLDER ARITHMETIC traces every case of FOLDER/cases.R, once
# with the sources as they are (run 0) and once with each change of FOLDER/changes.csv, made in the text of one source
# file.
#
# FOLDER/out.bin takes the traces' numbers as raw doubles; FOLDER/out.txt one line "run case step quantity rows columns"
# for each quantity in the same order (columns = 0 for vectors), or "run case step error MESSAGE".

arguments <- commandArgs(trailingOnly = TRUE)
root <- arguments[1L]
folder <- arguments[2L]
arithmetic <- arguments[3L]
# "internal": products summed in long double, in the order of their index
if (arithmetic == "internal") options(matprod = "internal")

sources <- c(
  "checks", "arithmetic", "random", "activations", "losses", "initializers", "optimizers", "network", "trace"
)
texts <- lapply(stats::setNames(nm = sources), function(name) {
  paste(readLines(file.path(root, "R", paste0(name, ".R"))), collapse = "\n")
})
parsed <- lapply(texts, function(text) parse(text = text, keep.source = FALSE))
cases <- eval(parse(file.path(folder, "cases.R"), keep.source = FALSE))
changes <- utils::read.csv(file.path(folder, "changes.csv"), colClasses = "character", encoding = "UTF-8")

# The functions of the reference, with one text in place of another in one file.
load_reference <- function(file = NULL, old = NULL, new = NULL) {
  env <- new.env(parent = globalenv())
  for (name in sources) {
    code <- parsed[[name]]
    if (identical(name, file)) {
      places <- gregexpr(old, texts[[name]], fixed = TRUE)[[1L]]
      if (places[[1L]] < 0L || length(places) != 1L) stop("not exactly once in ", file, ".R: ", old)
      code <- parse(text = sub(old, new, texts[[name]], fixed = TRUE), keep.source = FALSE)
    }
    for (expression in code) eval(expression, env)
  }
  env
}

out <- file(file.path(folder, "out.bin"), "wb")
listing <- file(file.path(folder, "out.txt"), "w")

emit <- function(run, case, step, quantity, value) {
  shape <- if (is.matrix(value)) dim(value) else c(length(value), 0L)
  writeLines(paste(run, case, step, quantity, shape[[1L]], shape[[2L]]), listing)
  writeBin(as.double(value), out)
}

way <- if (arithmetic == "exact") "exact" else "fast"

trace_case <- function(reference, run, number, case) {
  network <- do.call(reference$define_network, case$network)
  optimizer <- do.call(reference$define_optimizer, case$optimizer)
  W <- case$W
  b <- case$b
  if (length(case$init)) {
    drawn <- reference$initialize_parameters(network, case$init, case$seed)
    for (layer in seq_along(W)) {
      emit(run, number, 0L, paste0("W", layer), drawn$W[[layer]])
      emit(run, number, 0L, paste0("b", layer), drawn$b[[layer]])
    }
  }
  state <- reference$initial_state(optimizer, W, b)
  for (step in seq_len(case$steps)) {
    trace <- reference$trace_step(network, optimizer, W, b, case$X, case$Y, state, way)
    for (quantity in names(trace)) emit(run, number, step, quantity, trace[[quantity]])
    W <- unname(trace[paste0("W", seq_along(W), "_new")])
    b <- unname(trace[paste0("b", seq_along(b), "_new")])
    state <- trace[names(state)]
  }
}

for (run in seq(0L, nrow(changes))) {
  change <- as.list(changes[run, c("file", "old", "new")])
  reference <- if (run == 0L) load_reference() else do.call(load_reference, change)
  for (number in seq_along(cases)) {
    outcome <- tryCatch(trace_case(reference, run, number, cases[[number]]), error = identity)
    if (inherits(outcome, "error")) {
      writeLines(paste(run, number, 0L, "error", gsub("\n", " ", conditionMessage(outcome))), listing)
    }
  }
}
close(out)
close(listing)
