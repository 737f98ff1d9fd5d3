# train, predict, evaluate, plot and workload from the command line: what they write, say and refuse.

expect_match <- function(text, part) expect_true(any(grepl(part, text, fixed = TRUE)), info = text)
folder <- tempfile()
dir.create(folder)
inside <- function(name) file.path(folder, name)
run <- function(...) {
  status <- NULL
  said <- character()
  shown <- capture.output(
    status <- withCallingHandlers(
      main(as.character(c(...))),
      message = function(m) {
        said <<- c(said, conditionMessage(m))
        invokeRestart("muffleMessage")
      }
    )
  )
  list(status = status, shown = shown, said = said)
}

clusters <- c("clusters", "--hidden", 6, "--activation", "tanh", "--eta", 1, "--quiet")
trained <- run("train", clusters, "--epochs", 20, "--model", inside("c.txt"), "--history", inside("h.csv"))
expect_identical(trained$status, 0L)
expect_match(trained$shown[1], "2-6-2 network")
expect_identical(utils::read.csv(inside("h.csv"))$epoch, 1:20)

run("train", clusters, "--epochs", 4, "--model", inside("whole.txt"))
run("train", clusters, "--epochs", 2, "--model", inside("part.txt"))
run("train", "clusters", "--quiet", "--resume", inside("part.txt"), "--epochs", 4, "--model", inside("part.txt"))
expect_identical(load_model(inside("part.txt"))$state$W, load_model(inside("whole.txt"))$state$W)

exact <- c("--sizes", "2,5,4,2", "--arithmetic", "exact", "--quiet")
run("train", "clusters", exact, "--epochs", 1, "--model", inside("s.txt"))
expect_identical(load_model(inside("s.txt"))$network$sizes, c(2, 5, 4, 2))
expect_identical(load_model(inside("s.txt"))$arithmetic, "exact")

predicted <- run("predict", inside("c.txt"), "clusters", "--outputs")$shown
expect_identical(predicted[1], "row,prediction,output1,output2")
expect_identical(length(predicted), 201L)
evaluated <- run("evaluate", inside("c.txt"), "clusters", "--plot", inside("c.png"))$shown
expect_identical(evaluated[1], "200 observations")
for (what in c("history", "confusion", "regions")) {
  drawn <- run("plot", what, inside("c.txt"), inside("p.pdf"), "--data", "clusters")
  expect_identical(drawn$status, 0L)
  expect_true(file.size(inside("p.pdf")) > 1000)
}

refused <- function(...) {
  outcome <- run(...)
  expect_identical(outcome$status, 2L)
  outcome$said
}
expect_match(refused("train", "digits", "--eta", "x"), "--eta must be a number, not 'x'")
expect_match(refused("train", "digits", "--bach", "3"), "no such option: --bach; did you mean --batch?")
expect_match(refused("train", "digits", "--eta"), "option --eta needs a value, NUMBER")
expect_match(refused("train"), "expected DATA and options, not nothing")
expect_match(refused("train", "digits", "--validation", "5000"), "--validation must be a share below 1")
expect_match(refused("train", "digits", "--task", "clases"), "did you mean 'classes'")
expect_match(refused("plot", "histroy", inside("c.txt"), "x.png"), "did you mean 'history'")
expect_match(refused("plot", "history", inside("c.txt"), "x.bmp"), "must be one of png, pdf, svg")
expect_match(refused("train", "clusters", "--sizes", "3,5,2"), "--sizes must be 2,5,2 for these data, not 3,5,2")
expect_match(
  refused("train", "clusters", "--resume", inside("s.txt"), "--epochs", "1"),
  "--epochs must be more than the 1 that the model has done, not 1"
)

# What is turned away before it costs a training.
kinds <- rep(0:2, each = 20)
rows <- data.frame(a = round(kinds + sin(1:60), 3), b = round(cos(1:60) - kinds, 3), kind = paste0("s", kinds))
write_rows <- function(rows, name) utils::write.csv(rows, inside(name), row.names = FALSE, quote = FALSE)
write_rows(rows, "words.csv")
write_rows(rows[1:40, ], "two.csv")
write_rows(data.frame(rows[1:2], y = rows$a - rows$b), "sums.csv")
for (value in c("nan", "inf", "-inf", "nofile.csv", "", "60", "0", "1.5", "-1", "0.001")) {
  wanted <- "--validation must be a share below 1, a number of rows below 60, or a file, not '"
  expect_match(refused("train", inside("words.csv"), "--validation", value), paste0(wanted, value, "'"))
}
sorted <- c(inside("words.csv"), "--validation", "0.4", "--hidden", 4, "--epochs", 1, "--quiet")
run("train", sorted, "--model", inside("w.txt"))
expect_identical(load_model(inside("w.txt"))$network$sizes, c(2, 4, 3))
place <- ": expected a place to write to, but "
for (case in list(
  c("--model", "", paste0("''", place, "it is none")),
  c("--model", ".", paste0(".", place, "is a directory")),
  c("--model", inside("words.csv/x"), paste0("words.csv/x", place, "not a directory")),
  c("--model", inside("no/m.txt"), paste0("no/m.txt", place, "no such file or directory")),
  c("--history", inside("no/h.csv"), paste0("no/h.csv", place, "no such file or directory")),
  c("--history", ".", paste0(".", place, "is a directory")),
  c("--plot", "z.gif", "the ending of z.gif must be one of png, pdf, svg, not 'gif'"),
  c("--plot", ".png", "the ending of .png must be one of png, pdf, svg, not ''"),
  c("--plot", "", "the ending of  must be one of png, pdf, svg, not ''"),
  c("--plot", inside("no/z.png"), paste0("no/z.png", place, "no such file or directory"))
)) {
  model <- if (case[1] != "--model") c("--model", inside("never.txt"))
  expect_match(refused("train", inside("words.csv"), "--epochs", 1, "--quiet", model, case[1:2]), case[3])
  expect_false(file.exists(inside("never.txt")))
}
said_nothing <- run("evaluate", inside("c.txt"), "clusters", "--plot", "c.gif")
expect_match(said_nothing$said, "the ending of c.gif must be one of png, pdf, svg")
expect_identical(said_nothing$shown, character())
run("train", inside("sums.csv"), "--task", "numbers", "--epochs", 1, "--quiet", "--model", inside("n.txt"))
expect_match(
  refused("evaluate", inside("n.txt"), inside("sums.csv"), "--plot", inside("c.png")),
  "--plot draws the confusion matrix of classes, and this model predicts numbers"
)
two <- c(inside("two.csv"), "--loss", "binary_cross_entropy", "--epochs", 3, "--quiet", "--model", inside("b.txt"))
run("train", two)
shown <- run("evaluate", inside("b.txt"), inside("two.csv"), "--top", 1)$shown
expect_identical(sub("^top_1_accuracy *", "", shown[4]), sub("^accuracy *", "", shown[3]))
expect_false(any(grepl("top_", run("evaluate", inside("b.txt"), inside("two.csv"), "--top", 2)$shown)))

expect_match(refused("trian"), "no such command: trian; did you mean train?")
expect_match(refused("workload", "spirl"), "did you mean 'spiral'")
expect_match(refused("workload", "spiral", "--out", "nowhere"), "nowhere: expected a folder for the picture, found none")
expect_match(refused("workload", "nielsen-30"), "give --data")
expect_match(paste(run("train", "--help")$shown, collapse = "\n"), "--output-activation WORD")

reached <- run_workload("xor", out = folder)
expect_identical(reached[["accuracy"]], 1)
expect_true(file.size(inside("xor.png")) > 1000)
# What a table for a model of x1 and x2 may look like beside the plain one.
rows <- unlist(lapply(1:9, function(i) sprintf(c("0.%d,0.3,0", "1.%d,0.9,1", "0.3,1.%d,2"), i)))
writeLines(c("x1,x2,kind", rows), inside("t.csv"))
run("train", inside("t.csv"), "--epochs", 5, "--quiet", "--hidden", 3, "--model", inside("t.txt"))
writeLines(c("x1,x2,kind", "0.1,0.2,0", "0.3,0.4,1"), inside("plain.csv"))
plain <- run("predict", inside("t.txt"), inside("plain.csv"), "--outputs")$shown
expect_identical(length(plain), 3L)
tables <- list(
  c("x1,x2", "0.1,0.2", "0.3,0.4"), c("x2,x1", "0.2,0.1", "0.4,0.3"), c("x2,more,x1", "0.2,5,0.1", "0.4,5,0.3"),
  c("id,x2,kind,x1", "q,0.2,1,0.1", "q,0.4,1,0.3"), c("x1,x2,k", "0.1,0.2,1", "0.3,0.4,1"),
  c("y,x1,x2", "1,0.1,0.2", "1,0.3,0.4"), c("0.1,0.2", "0.3,0.4"), c("0.1,0.2,1", "0.3,0.4,1"),
  c("1,0.1,0.2", "1,0.3,0.4")
)
for (table in tables) {
  writeLines(table, inside("new.csv"))
  expect_identical(run("predict", inside("t.txt"), inside("new.csv"), "--outputs")$shown, plain, info = table[[1L]])
}
for (table in tables[c(4, 5, 6, 8, 9)]) {
  writeLines(table, inside("new.csv"))
  expect_match(run("evaluate", inside("t.txt"), inside("new.csv"))$shown, "accuracy         0")
}
writeLines(c("x1,zz", "1,2", "3,4"), inside("lacks.csv"))
lacking <- run("predict", inside("t.txt"), inside("lacks.csv"))
expect_identical(lacking$status, 2L)
expect_match(lacking$said, "lacks.csv: expected the columns of training, but 'x2' is missing")
writeLines(c("x2,x1", "1,2", "3,4"), inside("bare.csv"))
expect_match(
  run("evaluate", inside("t.txt"), inside("bare.csv"))$said, "bare.csv: expected a column of labels beside the 2 of training"
)
writeLines(c("x,y", "1,2.5", "2,3.5", "3,4.25"), inside("one.csv"))
run("train", inside("one.csv"), "--epochs", 1, "--quiet", "--model", inside("one.txt"))
asked <- run("predict", inside("one.txt"), inside("one.csv"))$shown
for (header in list("x", NULL)) {
  writeLines(c(header, "1", "2", "3"), inside("bare.csv"))
  expect_identical(run("predict", inside("one.txt"), inside("bare.csv"))$shown, asked)
}
writeLines(c("x1,x2,kind", "1,2,a", "3,4,b", "2,1,a"), inside("named.csv"))
writeLines(c("x2,kind,x1", "2,a,1", "4,b,3", "1,a,2"), inside("turned.csv"))
run("train", inside("named.csv"), "--epochs", 1, "--quiet", "--model", inside("named.txt"))
turned <- load_any(inside("turned.csv"), model = load_model(inside("named.txt")))
expect_identical(turned$X, rbind(c(1, 2), c(3, 4), c(2, 1)))
writeLines(c("1,2,0", "3,4,1", "2,1,0"), inside("unnamed.csv"))
writeLines(c(",a,b", "r1,1,2", "r2,3,4", "r3,2,1"), inside("rows.csv"))
run("train", inside("unnamed.csv"), "--epochs", 1, "--quiet", "--model", inside("unnamed.txt"))
expect_identical(
  run("predict", inside("unnamed.txt"), inside("rows.csv"))$shown,
  run("predict", inside("unnamed.txt"), inside("unnamed.csv"))$shown
)
expect_identical(sort_labels(c("10_1", "9_1")), c("10_1", "9_1"))
expect_identical(sort_labels(c("9", "0x10", "inf")), c("0x10", "9", "inf"))

unlink(folder, recursive = TRUE)
