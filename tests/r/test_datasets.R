# Data from files in R: what is read, and the one sentence for what cannot be.

folder <- tempfile("datasets")
dir.create(folder)
write <- function(name, text) {
  path <- file.path(folder, name)
  writeBin(if (is.raw(text)) text else charToRaw(text), path)
  path
}
sentence_of <- function(call) {
  tryCatch({
    force(call)
    "no complaint"
  }, nnparity_input_error = conditionMessage)
}
idx <- function(values, shape) {
  c(as.raw(c(0, 0, 8, length(shape))), writeBin(as.integer(shape), raw(), endian = "big"), as.raw(values))
}

# --- what ships with the package ---

digits <- load_digits()
expect_identical(dim(digits$X), c(1797L, 64L))
expect_identical(as.integer(table(digits$y)), c(178L, 182L, 177L, 183L, 181L, 182L, 181L, 179L, 174L, 180L))
expect_identical(levels(digits$y), as.character(0:9))
expect_identical(range(digits$X), c(0, 1))
expect_identical(load_digits(scale = FALSE)$X[1, 1:16], c(0, 0, 5, 13, 9, 1, 0, 0, 0, 0, 13, 15, 10, 15, 5, 0))
expect_stdout(print(digits), "<digits: 1797 observations of 64 features, 10 classes>")
for (word in names(DATASETS)) expect_true(is.matrix(load_data(word)$X))

# --- IDX ---

write("t10k-images-idx3-ubyte", idx(t(matrix(0:23, 12)), c(2, 3, 4)))
write("t10k-labels-idx1-ubyte", idx(c(3, 1), 2))
expect_identical(load_idx(folder, scale = FALSE)$X, matrix(as.double(t(matrix(0:23, 12))), 2, byrow = TRUE))
expect_identical(as.character(load_data(file.path(folder, "t10k-images-idx3-ubyte"))$y), c("3", "1"))
write("t10k-images-idx3-ubyte", idx(0:22, c(2, 3, 4)))
expect_true(endsWith(sentence_of(load_data(folder)), "expected 2 x 3 x 4 numbers as its header says (40 bytes), not 39 bytes"))

mnist <- file.path(dirname(Sys.getenv("NNPARITY_FIXTURES")), "..", "shared", "data", "mnist")
if (dir.exists(mnist)) {
  real <- load_data(mnist)
  expect_identical(dim(real$X), c(10000L, 784L))
  expect_identical(as.character(real$y[1:10]), as.character(c(7, 2, 1, 0, 4, 1, 4, 9, 5, 9)))
}

# --- tables ---

iris_file <- file.path(folder, "iris.csv")
write.csv(iris, iris_file)
flowers <- load_csv(iris_file)
expect_identical(flowers$X, unname(as.matrix(iris[1:4])))
expect_identical(flowers$features, names(iris)[1:4])
expect_identical(flowers$y, iris$Species)
connection <- gzfile(file.path(folder, "iris.csv.gz"), "w")
write.csv(iris, connection, row.names = FALSE)
close(connection)
expect_identical(load_data(file.path(folder, "iris.csv.gz"))$X, flowers$X)
prices <- load_csv(write("prices.csv", "1;2;0.5\n3;4;1.5\n"))
expect_identical(prices$y, c(0.5, 1.5))
expect_null(prices$classes)

# Numbers are read as the nearest double, which R's own parser misses now and then by its second rounding.
expect_identical(parse_numbers(c("0.1", "1e23", "2e+23", "9007199254740993", "x", "", "NA", "0x10")),
                 c(0.1, 0x1.52d02c7e14af6p+76, 0x1.52d02c7e14af6p+77, 9007199254740992, NA, NA, NA, NA))
x <- c(runif(2000), 10^runif(2000, -300, 300))
expect_identical(parse_numbers(sprintf("%.17g", x)), x)

# --- split and one-hot ---

parts <- split_data(digits, 0.75)
expect_identical(nrow(parts$training$X), 1347L)
expect_identical(rbind(parts$training$X, parts$rest$X), digits$X)
set.seed(42)
expect_identical(split_data(digits, 10, seed = 42)$training$X, digits$X[sample.int(1797)[1:10], ])
expect_true(startsWith(sentence_of(split_data(digits, 1797)), "training must be a fraction below 1"))
expect_identical(one_hot(factor(c("c", "a"), levels = c("a", "b", "c")), 3), rbind(c(0, 0, 1), c(1, 0, 0)))
expect_identical(one_hot(2, c("no", "yes")), rbind(c(0, 1)))
expect_identical(sentence_of(one_hot(c(1, 4), 3)), "y must hold places from 1 to 3 among 3 classes, not 4 (row 2)")
expect_identical(sentence_of(one_hot(c(1, NA), 3)), "y must hold places from 1 to 3 among 3 classes, not NaN (row 2)")

# --- bad input (the parity suite holds these sentences against Python's) ---

expect_true(endsWith(sentence_of(load_data(file.path(folder, "none"))), "but there is no such thing"))
expect_true(endsWith(sentence_of(load_csv(write("f", "a,b,y\n1,2,0\n1,x,1\n"))),
                     ", line 3, column 2 (b): expected a finite number, not 'x'"))
expect_true(endsWith(sentence_of(load_data(write("p", as.raw(c(0x80, 2, 0x2e))))), "which only nnparity in Python reads"))
expect_identical(sentence_of(load_data(3)), "path must be the path of a file or folder, not 3")
unlink(folder, recursive = TRUE)
