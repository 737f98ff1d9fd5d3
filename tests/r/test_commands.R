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
expect_match(refused("trian"), "no such command: trian; did you mean train?")
expect_match(refused("workload", "spirl"), "did you mean 'spiral'")
expect_match(refused("workload", "spiral", "--out", "nowhere"), "nowhere: expected a folder for the picture, found none")
expect_match(refused("workload", "nielsen-30"), "give --data")
expect_match(paste(run("train", "--help")$shown, collapse = "\n"), "--output-activation WORD")

reached <- run_workload("xor", out = folder)
expect_identical(reached[["accuracy"]], 1)
expect_true(file.size(inside("xor.png")) > 1000)
unlink(folder, recursive = TRUE)
