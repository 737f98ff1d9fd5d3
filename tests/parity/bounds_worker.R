# The R half of test_bounds_twins.py: Rscript bounds_worker.R ROOT FOLDER writes, for every case of FOLDER/cases.R, the
# rounding bounds of its first step between fast and exact arithmetic, as trace files FOLDER/1.csv, FOLDER/2.csv, ...

arguments <- commandArgs(trailingOnly = TRUE)
source(file.path(arguments[1L], "R", "nnparity.R"))
folder <- arguments[2L]
cases <- eval(parse(file.path(folder, "cases.R"), keep.source = FALSE))
for (number in seq_along(cases)) {
  case <- cases[[number]]
  network <- do.call(define_network, case$network)
  optimizer <- do.call(define_optimizer, case$optimizer)
  state <- initial_state(optimizer, case$W, case$b)
  traces <- lapply(c("fast", "exact"), function(way) {
    trace_step(network, optimizer, case$W, case$b, case$X, case$Y, state, way)
  })
  write_trace(file.path(folder, paste0(number, ".csv")), step_bounds(network, optimizer, traces[[1L]], traces[[2L]]))
}
