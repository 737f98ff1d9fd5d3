# Runs the R suite: `Rscript tests/r/run.R [--prove] [PATTERN]` on the checkout's sources; as tests/tinytest.R of the
# built package, under R CMD check, on the installed package.
#
# The tests find golden files below Sys.getenv("NNPARITY_FIXTURES") and run their long sweeps in full where
# Sys.getenv("NNPARITY_PROVE") is "1". They see what is not exported, too.

if (!requireNamespace("tinytest", quietly = TRUE)) {
  stop("the R suite needs the package tinytest (Debian: apt-get install r-cran-tinytest)")
}

script <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
on_checkout <- identical(basename(script), "run.R")
arguments <- if (on_checkout) commandArgs(trailingOnly = TRUE) else character()
pattern <- c(setdiff(arguments, "--prove"), "")[[1L]]
if ("--prove" %in% arguments) Sys.setenv(NNPARITY_PROVE = "1")

if (on_checkout) {
  folder <- normalizePath(dirname(script))
  root <- dirname(dirname(folder))
  Sys.setenv(NNPARITY_FIXTURES = file.path(root, "fixtures"))
  source(file.path(root, "R", "nnparity.R"))
} else {
  folder <- system.file("tinytest", package = "nnparity", mustWork = TRUE)
  Sys.setenv(NNPARITY_FIXTURES = system.file("fixtures", package = "nnparity", mustWork = TRUE))
  attach(asNamespace("nnparity"), name = "nnparity:internal")
}

# The results of one file; an error that no test expected counts as a failure and leaves the other files standing.
run_file <- function(file) {
  started <- proc.time()[["elapsed"]]
  outcome <- tryCatch(tinytest::run_test_file(file, verbose = 0L), error = identity)
  if (inherits(outcome, "error")) {
    cat(sprintf("%s stopped: %s\n", basename(file), conditionMessage(outcome)))
    passed <- FALSE
  } else {
    passed <- vapply(outcome, isTRUE, logical(1L))
    for (result in outcome[!passed]) print(result)
  }
  elapsed <- proc.time()[["elapsed"]] - started
  cat(sprintf("%-28s %5d passed %3d failed %6.1f s\n", basename(file), sum(passed), sum(!passed), elapsed))
  passed
}

files <- list.files(folder, pattern = "^test_.*[.]R$", full.names = TRUE)
passed <- unlist(lapply(files[grepl(pattern, basename(files))], run_file))
cat(sprintf("%d passed, %d failed\n", sum(passed), sum(!passed)))
if (length(passed) == 0L || !all(passed)) quit(save = "no", status = 1L)
