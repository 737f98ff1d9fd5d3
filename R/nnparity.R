# The door: source("R/nnparity.R") brings in the whole reference, and Rscript R/nnparity.R COMMAND ... runs it.
#
# Inside an installed package R has loaded the files already, and this one does neither.

# The path of this file while source(), sys.source() or Rscript evaluates it; NULL when none of them does.
nnparity_file <- function() {
  for (i in rev(seq_len(sys.nframe()))) {
    caller <- sys.function(i)
    frame <- sys.frame(i)
    if (identical(caller, base::source) && is.character(frame$ofile)) {
      return(if (isTRUE(frame$chdir)) basename(frame$ofile) else frame$ofile)
    }
    if (identical(caller, base::sys.source)) {
      return(if (isTRUE(frame$chdir)) basename(frame$file) else frame$file)
    }
  }
  nnparity_script()
}

# The path of this file when Rscript was started with it; NULL otherwise.
nnparity_script <- function() {
  script <- sub("^--file=", "", grep("^--file=", commandArgs(FALSE), value = TRUE))
  script <- gsub("~+~", " ", script, fixed = TRUE) # Rscript's way of writing a space
  if (length(script) == 1L && basename(script) == "nnparity.R") script else NULL
}

# Evaluates every other file of the folder in `envir`. They only define, so their order does not matter.
source_sisters <- function(folder, envir) {
  sisters <- sort(list.files(folder, pattern = "[.]R$"), method = "radix")
  for (sister in setdiff(sisters, "nnparity.R")) {
    sys.source(file.path(folder, sister), envir = envir, keep.source = FALSE)
  }
}

if (!isNamespace(topenv())) {
  if (is.null(nnparity_file())) stop("load nnparity with source(\"R/nnparity.R\") or run it with Rscript R/nnparity.R")
  nnparity_folder <- normalizePath(dirname(nnparity_file()), winslash = "/")
  source_sisters(nnparity_folder, environment())
  if (sys.nframe() == 0L && !is.null(nnparity_script())) {
    quit(save = "no", status = main(commandArgs(trailingOnly = TRUE)))
  }
}
