# A trace holds every quantity in order of computation, and its file loses nothing. (Python: tests/python/test_trace.py)

network <- define_network(c(3, 4, 2))
optimizer <- define_optimizer("adam", eta = 0.1)
X <- rbind(c(1, 0.5), c(-1, 2), c(0.25, 0))
Y <- diag(2)

one_step <- function() {
  start <- initialize_parameters(network, seed = 1)
  state <- initial_state(optimizer, start$W, start$b)
  trace_step(network, optimizer, start$W, start$b, X, Y, state, get_arithmetic("fast"))
}
same_bits <- function(a, b) {
  identical(dim(a), dim(b)) && identical(as.vector(a), as.vector(b), num.eq = FALSE)
}
folder <- tempfile("trace")
dir.create(folder)
path <- file.path(folder, "trace.csv")

# Quantities come in order of computation.
expect_equal(names(one_step()), c(
  "A0", "Z1", "A1", "Z2", "A2", "loss", "delta2", "dW2", "db2", "delta1", "dW1", "db1",
  "W1_new", "b1_new", "W2_new", "b2_new",
  "step_count", "W1_m", "W1_v", "b1_m", "b1_v", "W2_m", "W2_v", "b2_m", "b2_v"
))

# A trace knows what it started from.
expect_equal(names(attr(one_step(), "inputs"))[1:5], c("W1", "b1", "W2", "b2", "Y"))

# The table goes column by column.
table <- trace_table(list(one_step(), one_step()))
expect_equal(names(table), c("step", "quantity", "row", "col", "value"))
inputs <- table[table$step == 2 & table$quantity == "A0", ]
expect_equal(inputs$row, c(1, 2, 3, 1, 2, 3))
expect_equal(inputs$col, c(1, 1, 1, 2, 2, 2))
expect_equal(inputs$value, c(1, -1, 0.25, 0.5, 2, 0))

# A file loses nothing.
trace <- one_step()
trace$A0 <- rbind(c(NaN, Inf, -Inf), c(-0, 2^-1074, .Machine$double.xmax), c(0.1, 1 / 3, -2e-310))
write_trace(path, list(trace, one_step()))
read <- read_trace(path)
expect_equal(length(read), 2L)
expect_equal(names(read[[1L]]), names(trace))
for (quantity in names(trace)) expect_true(same_bits(read[[1L]][[quantity]], trace[[quantity]]), info = quantity)

# The form of the file.
write_trace(path, list(Z1 = rbind(c(0.1, -0), c(NaN, -Inf)), b1_new = 1e-5))
expect_equal(readLines(path), c(
  "# nnparity trace 1", "step,quantity,row,col,value", "1,Z1,1,1,0.10000000000000001", "1,Z1,2,1,NaN", "1,Z1,1,2,-0",
  "1,Z1,2,2,-Inf", "1,b1_new,1,1,1.0000000000000001e-05"
))

# Numbers.
expect_equal(
  format_number(c(NaN, Inf, -Inf, -0, 0.1, 1e300)),
  c("NaN", "Inf", "-Inf", "-0", "0.10000000000000001", "1.0000000000000001e+300")
)

# Damage is named with its line.
damage <- list(
  list("1,Z1,1,1", "line 3: expected step,quantity,row,col,value, found '1,Z1,1,1'"),
  list(c("1,Z1,1,1,0.5", "1,Z1,2,1,abc"), "line 4: expected step,quantity,row,col,value, found '1,Z1,2,1,abc'"),
  list("2,Z1,1,1,0.5", "line 3: expected step 1, found step 2"),
  list(c("1,Z1,1,1,0.5", "1,Z1,3,1,0.5"), "line 4: expected row 2, column 1 of Z1, found row 3, column 1"),
  list(c("1,Z1,1,1,1", "1,Z1,2,1,1", "1,Z1,1,2,1"), "line 5: the last column of Z1 has 1 of 2 rows"),
  list(c("1,Z1,1,1,1", "1,A1,1,1,1", "1,Z1,1,1,1"), "line 5: Z1 of step 1 stands in two places")
)
for (case in damage) {
  writeLines(c("# nnparity trace 1", "step,quantity,row,col,value", case[[1L]]), path)
  error <- tryCatch(read_trace(path), nnparity_input_error = identity)
  expect_equal(conditionMessage(error), paste0("trace file '", path, "', ", case[[2L]]))
}

# Another format is named.
other <- list(
  list("", "line 1 must be '# nnparity trace 1', not ''"),
  list("step,quantity\n", "line 1 must be '# nnparity trace 1', not 'step,quantity'"),
  list("# nnparity trace 1\n", "line 2: expected 'step,quantity,row,col,value', found ''"),
  list(
    "# nnparity trace 1\nstep,quantity,row,col,value\n1,Z1,1,1,0.",
    "line 3: the file is truncated, this line has no end"
  )
)
for (case in other) {
  writeBin(charToRaw(case[[1L]]), path)
  error <- tryCatch(read_trace(path), nnparity_input_error = identity)
  expect_true(endsWith(conditionMessage(error), case[[2L]]), info = conditionMessage(error))
}
writeBin(as.raw(c(255, 254, 0)), path)
expect_error(read_trace(path), "it is not text", class = "nnparity_input_error")

# A missing file is named.
expect_error(
  read_trace(file.path(folder, "nothing.csv")), "nothing.csv' is not: No such file or directory",
  class = "nnparity_input_error"
)

# Nothing is left half-written.
expect_error(write_trace(file.path(folder, "nowhere", "trace.csv"), one_step()), "must be writable")
write_trace(path, one_step())
expect_equal(list.files(folder), "trace.csv")
unlink(folder, recursive = TRUE)
