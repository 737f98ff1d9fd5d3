# The commands trace and compare in R, the requests that the bridge makes, and the door to Python.

folder <- tempfile("runs")
dir.create(folder)
path <- function(name) file.path(folder, name)
expect_says <- function(text, pattern, fixed = FALSE) expect_true(grepl(pattern, text, fixed = fixed), info = text)
expect_prints <- function(call, pattern) {
  expect_says(paste(capture.output(call), collapse = "\n"), pattern, fixed = TRUE)
}
sentence_of <- function(call) {
  tryCatch({
    force(call)
    "no complaint"
  }, nnparity_input_error = conditionMessage)
}

# --- trace and compare ---

expect_identical(main(c("trace", "--steps", "2", "--output", path("a.csv"))), 0L)
expect_identical(length(read_trace(path("a.csv"))), 2L)
printed <- capture.output(status <- main(c("compare", path("a.csv"), path("a.csv"), "--steps", "2")))
expect_identical(status, 0L)
expect_says(paste(printed, collapse = "\n"), "SAME 640 values", fixed = TRUE)
changed <- read_trace(path("a.csv"))
changed[[2]]$db2[3] <- 7
write_trace(path("b.csv"), changed)
printed <- capture.output(status <- main(c("compare", path("a.csv"), path("b.csv"))))
expect_identical(status, 1L)
expect_says(paste(printed, collapse = "\n"), "DIFFERENT db2 differs at step 2", fixed = TRUE)
expect_prints(main(c("compare", path("a.csv"), path("b.csv"))), "db[[2]][3] = ")
expect_says(
  sentence_of(command_trace(c("--sizes", "3,2", "--data", "digits"))),
  "--sizes must begin with 64 and end with 10", fixed = TRUE
)
expect_says(sentence_of(command_trace(c("--batch", "0"))), "batch must be a whole number of at least 1", fixed = TRUE)
expect_says(sentence_of(command_compare("a.csv")), "expected FIRST SECOND and options", fixed = TRUE)

# --- what the bridge asks ---

server <- new_server()
request <- paste(
  "ask$begin(network = list(sizes = array_at(1, 3)), optimizer = list(name = 'sgd'), init = 'normal', seed = 1,",
  "arithmetic = 'fast')"
)
answer <- server(request, list(c(4, 6, 3)))
expect_identical(answer$layout, "values\tW1:6:4\tb1:6\tW2:3:6\tb2:3")
expect_identical(answer$values[[1]], initialize_parameters(define_network(c(4, 6, 3)), seed = 1)$W[[1]])
server("ask$data(X = array_at(1, c(4, 2)), Y = array_at(2, c(3, 2)))", list(1:8 / 10, 1:6 / 10))
expect_says(server("ask$steps(first = 1, last = 2)", list())$layout, "^values\t1:A0:4:2\t1:Z1:6:2\t.*\t1:loss:1\t")
expect_identical(
  server("define_network(3)", list())$layout,
  "input\tsizes must hold at least two widths, those of the inputs and of the outputs"
)
expect_says(server("stop('ouch')", list())$layout, "^error\touch")
expect_says(server("1 +", list())$layout, "^error\t")
expect_identical(server("list(a = 1:3, b = TRUE)", list())$values, list(c(1, 2, 3), 1))

# --- the door to Python ---

expect_identical(option_words("sizes", c(4, 6, 3)), c("--sizes", "4,6,3"))
expect_identical(option_words("functions_only", TRUE), "--functions-only")
expect_identical(option_words("eta", 0.1), c("--eta", "0.10000000000000001"))
expect_identical(option_words("json", NULL), character())
expect_says(sentence_of(diagnose("a.R", NULL, 3)), "the options of diagnose must have names", fixed = TRUE)
