# The process in which somebody's R network runs and is recorded: `Rscript --vanilla recorder_r.R EXCHANGE_FOLDER`.
#
# Everything of the recorder lives in one environment under base R, out of the candidate's reach: rm(list = ls()), masked names and
# attached packages do not touch it. The candidate itself is evaluated in the global environment, where RefClass methods look for names.

local({
  arguments <- commandArgs(FALSE)
  script <- sub("^--file=", "", grep("^--file=", arguments, value = TRUE)[1])
  folder <- file.path(dirname(normalizePath(script)), "recorder_r")
  recorder <- new.env(parent = baseenv())
  for (part in c("text", "places", "values", "events", "rewrite", "definitions", "failures", "notebook", "loading", "serving")) {
    sys.source(file.path(folder, paste0(part, ".R")), envir = recorder, keep.source = FALSE)
  }
  recorder$serve(normalizePath(commandArgs(TRUE)[1]))
}, envir = new.env(parent = baseenv()))
