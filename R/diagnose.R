# The door to what nnparity's Python does: diagnose, adapter and parity run there and show the same report here.

# Finds the line in somebody's own network that is wrong: the report of `nnparity diagnose`, on the screen; its exit
# status, invisibly: 0 for a network that is right, 1 for findings, 2 for input that cannot be used.
# candidate: file in R or Python. adapter: file that defines step(W, b, X, Y, eta), or NULL. ...: options of the
# command line by name: sizes = c(4, 6, 3), output_activation = "softmax", json = "report.json", functions_only = TRUE.
diagnose <- function(candidate, adapter = NULL, ...) {
  options <- list(adapter = adapter, ...)
  if (length(options) > 1L && (is.null(names(options)) || !all(nzchar(names(options))))) {
    stop_input("the options of diagnose must have names, such as sizes = c(4, 6, 3)")
  }
  words <- unlist(lapply(names(options), function(name) option_words(name, options[[name]])))
  invisible(run_python(c("diagnose", candidate, words)))
}

# An option as words of the command line: TRUE is a flag, several values stand with commas between, NULL is nothing.
option_words <- function(name, value) {
  option <- paste0("--", gsub("_", "-", name, fixed = TRUE))
  if (is.null(value) || isFALSE(value)) return(character())
  if (isTRUE(value)) return(option)
  c(option, paste(format_words(value), collapse = ","))
}

format_words <- function(value) {
  if (!is.numeric(value)) return(as.character(value))
  vapply(value, function(number) format(number, digits = 17L, trim = TRUE), "")
}

# Runs nnparity's Python with these words and returns its exit status.
run_python <- function(words) {
  command <- python_command()
  if (is.null(command)) {
    stop_input(paste0(
      words[1L], " needs Python 3.11 or later with nnparity (pip install nnparity, or `make setup` in a checkout); ",
      "without Python, check_step(step, sizes) compares a step with the reference in R"
    ))
  }
  # R's own library path would reach Python's libraries, too.
  system2(command[1L], shQuote(c(command[-1L], words)))
}

# The words that start nnparity's Python, or NULL: NNPARITY_PYTHON, the checkout's environment, `nnparity` on the
# path, or a Python that can import it.
python_command <- function() {
  asked <- Sys.getenv("NNPARITY_PYTHON")
  own <- if (!is.null(r_source_dir())) file.path(dirname(r_source_dir()), ".venv", "bin", "python")
  for (python in c(asked, own)) {
    if (nzchar(python) && file.exists(python) && has_nnparity(python)) return(c(python, "-m", "nnparity"))
  }
  if (nzchar(Sys.which("nnparity"))) return(unname(Sys.which("nnparity")))
  for (python in Sys.which(c("python3", "python"))) {
    if (nzchar(python) && has_nnparity(python)) return(c(python, "-m", "nnparity"))
  }
  NULL
}

has_nnparity <- function(python) {
  code <- shQuote("import nnparity, click, rich")
  identical(suppressWarnings(system2(python, c("-c", code), stdout = FALSE, stderr = FALSE)), 0L)
}

PYTHON_HELP <- "Usage: nnparity diagnose CANDIDATE [--adapter FILE] [OPTIONS]
       nnparity adapter CANDIDATE [OPTIONS]
       nnparity parity [OPTIONS]

  Run by nnparity's Python, whose help shows the options. Without Python, in R:

    source(\"R/nnparity.R\")
    check_step(step, sizes = c(4, 6, 3))"

# The help of such a command: Python's own where there is one.
python_help <- function(name) {
  if (is.null(python_command())) writeLines(PYTHON_HELP) else run_python(c(name, "--help"))
}

PYTHON_COMMANDS <- sapply(c("diagnose", "adapter", "parity"), function(name) {
  list(run = function(words) run_python(c(name, words)), help = function() python_help(name))
}, simplify = FALSE)
