# Files are written whole or not at all, in UTF-8 in every locale; pictures replace old ones only once they are drawn.

expect_match <- function(text, part) expect_true(any(grepl(part, text, fixed = TRUE)), info = text)
folder <- tempfile("files")
dir.create(folder)
inside <- function(name) file.path(folder, name)
run <- function(...) {
  said <- character()
  status <- NULL
  shown <- capture.output(
    status <- withCallingHandlers(main(c(...)), message = function(m) {
      said <<- c(said, conditionMessage(m))
      invokeRestart("muffleMessage")
    })
  )
  list(status = status, shown = shown, said = said)
}
refused <- function(...) {
  outcome <- run(...)
  expect_identical(outcome$status, 2L)
  outcome$said
}
bytes_of <- function(name) readBin(inside(name), "raw", file.size(inside(name)))

table <- c("x1,x2,kind", "0.1,1,a", "0.3,2,b", "0.5,0,c", "0.7,1,b", "0.2,3,a", "0.9,2,c")
writeLines(table, inside("d.csv"))
train <- function(data, model, ...) {
  run("train", inside(data), "--epochs", "1", "--quiet", "--model", inside(model), ...)
}
expect_identical(train("d.csv", "d.txt")$status, 0L)

# --- obstacles -------------------------------------------------------------------------------------------------------

expect_identical(cause_in("Problem closing connection:  No space left on device"), "No space left on device")
expect_identical(cause_in("cannot rename file 'a' to 'b', reason 'Is a directory'"), "Is a directory")
expect_identical(cause_in("problem writing to connection"), "Not all of it could be written")
expect_identical(obstacle_in(1), NULL)
closed <- FALSE
expect_identical(obstacle_in({
  warning("one: Two")
  closed <- TRUE
}), "Two")
expect_true(closed)

# What fails leaves the old file, and nothing beside it.
writeLines("old", inside("old.txt"))
before <- sort(list.files(folder, all.files = TRUE))
failed <- replace_file(inside("old.txt"), function(partial) {
  writeLines("half", partial)
  "No space left on device"
})
expect_identical(failed, "No space left on device")
expect_identical(readLines(inside("old.txt")), "old")
expect_identical(sort(list.files(folder, all.files = TRUE)), before)
dir.create(inside("taken"))
expect_match(tolower(write_lines_whole("x", inside("taken"))), "directory")
expect_identical(length(list.files(folder, pattern = "part$", all.files = TRUE)), 0L)

if (.Platform$OS.type == "unix") {
  # The new file has the old one's rights; a link stays a link.
  Sys.chmod(inside("old.txt"), "0600")
  file.symlink(inside("old.txt"), inside("link.txt"))
  expect_identical(write_lines_whole("new", inside("link.txt")), NULL)
  expect_identical(readLines(inside("old.txt")), "new")
  expect_identical(file.mode(inside("old.txt")), as.octmode("0600"))
  expect_identical(Sys.readlink(inside("link.txt")), inside("old.txt"))
}

# --- a full disk -----------------------------------------------------------------------------------------------------

if (file.exists("/dev/full")) {
  full <- "/dev/full: expected a place to write to, but no space left on device"
  expect_match(refused("predict", inside("d.txt"), inside("d.csv"), "--out", "/dev/full"), full)
  expect_match(train("d.csv", "e.txt", "--history", "/dev/full")$said, full)
  expect_true(is_device("/dev/full"))
  file.symlink("/dev/full", inside("h.png"))
  expect_match(refused("plot", "history", inside("d.txt"), inside("h.png")), "but it is a device")
  expect_identical(Sys.readlink(inside("h.png")), "/dev/full")
}

# A disk of 16 kB, where there may be one.
tiny <- inside("tiny")
dir.create(tiny)
mounted <- Sys.info()[["sysname"]] == "Linux" && suppressWarnings(system2(
  "mount", c("-t", "tmpfs", "-o", "size=16k", "tmpfs", shQuote(tiny)), stdout = FALSE, stderr = FALSE
)) == 0L
if (mounted) {
  writeLines("old", file.path(tiny, "m.txt"))
  for (hidden in c("60", "600")) { # noticed at the end, and before
    said <- train("d.csv", file.path("tiny", "m.txt"), "--hidden", hidden)$said
    expect_match(said, "m.txt: expected a place to write to, but no")
    expect_identical(readLines(file.path(tiny, "m.txt")), "old")
  }
  writeBin(raw(12000), file.path(tiny, "filling"))
  for (ending in c("png", "pdf", "svg")) {
    path <- file.path(tiny, paste0("p.", ending))
    file.create(path)
    expect_match(refused("plot", "regions", inside("d.txt"), path, "--data", inside("d.csv")), "a place to write to")
    expect_equal(file.size(path), 0)
  }
  expect_identical(length(list.files(tiny, all.files = TRUE, no.. = TRUE)), 5L)
  system2("umount", c("-l", shQuote(tiny))) # cairo may still hold a file
}

# --- UTF-8 in every locale -------------------------------------------------------------------------------------------

table <- c("x1,x2,k", "0.1,1,Z\u00fcrich", "0.3,2,Bern", "0.5,0,Z\u00fcrich")
writeLines(enc2utf8(table), inside("s.csv"), useBytes = TRUE)
locale <- Sys.getlocale("LC_CTYPE")
Sys.setlocale("LC_CTYPE", "C")
train("s.csv", "s.txt")
said <- run("predict", inside("s.txt"), inside("s.csv"), "--out", inside("s_out.csv"))
shown <- c(
  run("predict", inside("s.txt"), inside("s.csv"))$shown, run("evaluate", inside("s.txt"), inside("s.csv"))$shown,
  train("s.csv", "s.txt")$shown
)
Sys.setlocale("LC_CTYPE", locale)
name <- "Z\u00fcrich"
for (lines in list(readLines(inside("s_out.csv")), readLines(inside("s.txt")), shown)) {
  expect_true(any(grepl(name, lines, fixed = TRUE, useBytes = TRUE)))
  expect_false(any(grepl("U+00", lines, fixed = TRUE, useBytes = TRUE)))
}
expect_identical(
  confusion_lines(matrix(c(1L, 0L, 100000L, 2L), 2L), c("Bern", name)),
  c("         Bern Z\u00fcrich", "Bern        1 100000", "Z\u00fcrich      0      2")
)

# --- a column without a name -----------------------------------------------------------------------------------------

writeLines(c("x1,,kind", "0.1,1,a", "0.3,2,b"), inside("eh.csv"))
expect_identical(train("eh.csv", "eh.txt")$status, 0L)
expect_identical(load_model(inside("eh.txt"))$features, c("x1", ""))
expect_identical(run("predict", inside("eh.txt"), inside("eh.csv"))$status, 0L)
table <- stats::setNames(data.frame(1:2, 3:4), c("x1", ""))
expect_identical(input_table(table, c("", "x1"))$X, matrix(c(3, 4, 1, 2), 2L))

# --- pictures --------------------------------------------------------------------------------------------------------

# A drawing that fails leaves the old picture, and no device open.
devices <- grDevices::dev.list()
writeLines(c("x1,x2,y", "0.1,1,3.5", "0.3,2,4.25", "0.5,3,1.5"), inside("n.csv"))
train("n.csv", "n.txt")
for (ending in FORMATS) {
  keep <- paste0("keep.", ending)
  writeLines("precious", inside(keep))
  expect_match(
    refused("plot", "regions", inside("n.txt"), inside(keep), "--data", inside("n.csv")), "regions need a network"
  )
  expect_identical(readLines(inside(keep)), "precious")
  expect_identical(length(list.files(folder, pattern = "^[.]nnparity", all.files = TRUE)), 0L)
  expect_identical(run("plot", "history", inside("d.txt"), inside(keep))$status, 0L)
  expect_true(is_whole_picture(inside(keep), ending))
}
expect_identical(grDevices::dev.list(), devices)

# One row, or a column of one value.
writeLines(c("x1,x2,kind", "0.4,1,a"), inside("one.csv"))
writeLines(c("x1,x2,kind", "1e6,0,a", "1e6,1,b"), inside("constant.csv"))
for (data in c("one.csv", "constant.csv")) {
  drawn <- run("plot", "regions", inside("d.txt"), inside("r.png"), "--data", inside(data))
  expect_identical(drawn$status, 0L)
  expect_true(is_whole_picture(inside("r.png"), "png"))
}

# The observations have the colours of the model's classes; others are refused.
writeLines(c("x1,x2,kind", "0.1,0,c", "0.4,1,b"), inside("bc.csv"))
writeLines(c("x1,x2,kind", "0.1,0,q", "0.4,1,b"), inside("q.csv"))
model <- load_model(inside("d.txt"))
X <- rbind(c(0.1, 0), c(0.4, 1))
save_picture(plot_regions(model, X, factor(c("c", "b"))), inside("two.png"))
save_picture(plot_regions(model, X, factor(c("c", "b"), levels = c("a", "b", "c"))), inside("three.png"))
expect_identical(bytes_of("two.png"), bytes_of("three.png"))
expect_identical(
  run("plot", "regions", inside("d.txt"), inside("cli.pdf"), "--data", inside("bc.csv"))$status, 0L
)
expect_match(
  refused("plot", "regions", inside("d.txt"), inside("q.pdf"), "--data", inside("q.csv")),
  "y must hold the classes of training (a, b, c), not 'q'"
)
expect_false(file.exists(inside("q.pdf")))
unlink(folder, recursive = TRUE)
