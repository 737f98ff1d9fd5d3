# Where the data lie: in the installed package, or beside the sourced R/ folder (a checkout, or the copy in a wheel).

# The folder R/ that source("R/nnparity.R") read; NULL inside an installed package.
r_source_dir <- function() {
  get0("nnparity_folder", envir = environment(r_source_dir))
}

# The folder of the data sets that ship with the package.
data_dir <- function() {
  folder <- r_source_dir()
  if (is.null(folder)) {
    system.file("fixtures", "data", package = "nnparity", mustWork = TRUE)
  } else {
    file.path(dirname(folder), "fixtures", "data")
  }
}
