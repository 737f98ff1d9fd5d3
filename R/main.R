# The command line in R: Rscript R/nnparity.R COMMAND ..., or Rscript -e 'nnparity::main()' COMMAND ... when installed.
#
# Adding a command is one entry in a list of `commands_known`: run(words), which returns the exit status, and its
# help, a text or a function that shows it.

commands_known <- function() {
  c(PYTHON_COMMANDS, TRAINING_COMMANDS, WORKLOAD_COMMANDS, RUN_COMMANDS)
}

MAIN_HELP <- "Usage: nnparity COMMAND [OPTIONS] ...

  One network, written twice, in Python and in base R. The commands are those of both languages; diagnose, adapter and
  parity are run by nnparity's Python.

Commands:
  diagnose  Find the line in somebody's own network that is wrong, what it computes and what it should.
  adapter   Read somebody's network and write the adapter that diagnose needs.
  parity    Run the network in Python and in R in lockstep and compare every quantity of every step.
  train     Train a network on a data set and save it with its history.
  predict   Predict with a saved network.
  evaluate  Measure a saved network on a data set.
  plot      Draw a history, a confusion matrix, decision regions.
  workload  Train one of the classics, with a picture of the result.
  trace     Write every quantity of a run to a CSV file that any language can read.
  compare   Compare two trace files element by element.

  COMMAND --help shows the options of a command."

# Runs the command line and returns its exit status: 0, or 2 after a sentence on the error stream for bad input; 130
# when interrupted. words: the command and what follows it.
main <- function(words = commandArgs(trailingOnly = TRUE)) {
  if (length(words) == 0L || words[[1L]] %in% c("-h", "--help")) {
    writeLines(MAIN_HELP)
    return(invisible(0L))
  }
  if (words[[1L]] == "--version") {
    writeLines(paste("nnparity", NNPARITY_VERSION))
    return(invisible(0L))
  }
  status <- tryCatch(
    {
      name <- words[[1L]]
      known <- commands_known()
      if (!name %in% names(known)) {
        near <- nearest_word(name, names(known))
        stop_input(paste0("no such command: ", name, if (!is.null(near)) paste0("; did you mean ", near, "?")))
      }
      if (any(words[-1L] %in% c("-h", "--help"))) {
        help <- known[[name]]$help
        if (is.function(help)) help() else writeLines(help)
        0L
      } else {
        known[[name]]$run(words[-1L])
      }
    },
    nnparity_input_error = function(error) {
      message("nnparity: ", conditionMessage(error))
      2L
    },
    interrupt = function(condition) {
      message("nnparity: interrupted.")
      130L
    }
  )
  invisible(status)
}

NNPARITY_VERSION <- "0.1.0"
