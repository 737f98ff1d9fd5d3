# The process in which somebody's R network runs and is recorded: `Rscript --vanilla recorder_r.R EXCHANGE_FOLDER`.
#
# Everything of the recorder lives in one environment under base R, out of the candidate's reach: rm(list = ls()), masked
# names and attached packages do not touch it. The candidate itself is evaluated in the global environment, where RefClass
# methods look for names.

local({
  script <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE)[1])
  script <- gsub("~+~", " ", script, fixed = TRUE)  # how R hands on a space
  folder <- file.path(dirname(normalizePath(script)), "recorder_r")
  recorder <- new.env(parent = baseenv())
  parts <- c("text", "places", "values", "events", "tree", "callees", "rewrite", "definitions", "failures", "notebook",
             "loading", "trials", "serving")
  for (part in parts) sys.source(file.path(folder, paste0(part, ".R")), envir = recorder, keep.source = FALSE)
  # Compiling all of this would take longer than it runs; only what is called for every value is worth it.
  hot <- c("record_value", "keep", "is_plain", "place_on_stack")
  for (name in hot) recorder[[name]] <- compiler::cmpfun(recorder[[name]])
  compiler::enableJIT(0L)
  recorder$serve(normalizePath(commandArgs(TRUE)[1]))
}, envir = new.env(parent = baseenv()))
