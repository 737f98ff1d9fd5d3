# Bringing a candidate into being: files before it, itself, what it sources, the adapter; one statement after the other.

sources <- list()             # every file that is recorded, by its path
current <- list(source = NULL, row = NA_integer_)
only_definitions <- FALSE
skipped <- character()
home <- ""

# Rscript runs in whatever locale it finds; sources are UTF-8.
use_utf8 <- function() {
  if (l10n_info()[["UTF-8"]]) return(invisible())
  for (locale in c("C.UTF-8", "en_US.UTF-8", "UTF-8")) {
    if (nzchar(suppressWarnings(Sys.setlocale("LC_CTYPE", locale)))) return(invisible())
  }
}

# Loads a file statement by statement. recorded: rewrite its functions; definitions: see definitions.R.
load_file <- function(path, environment = globalenv(), recorded = TRUE, definitions = FALSE) {
  source <- open_source(path)
  if (recorded) {
    sources[[path]] <<- source
  }
  scan_definitions(source$expressions, recorded)
  was <- current
  on.exit(current <<- was)
  # `sys.frame(1)$ofile` is how a script asks where it lies.
  assign("ofile", path, envir = sys.frame(1))
  expressions <- source$expressions
  prepared <- vector("list", length(expressions))
  if (recorded && remembered$keep) {
    for (k in seq_along(expressions)) prepared[[k]] <- list(prepare(expressions[[k]], source, source$rows[k]))
  }
  for (k in seq_along(expressions)) {
    current <<- list(source = source, row = source$rows[k])
    expression <- expressions[[k]]
    if (definitions && !is_definition(expression, environment)) {
      note_skipped(source, source$rows[k], "it acts rather than defines")
      next
    }
    if (!is.null(prepared[[k]])) expression <- prepared[[k]][[1]] else
      if (recorded) expression <- prepare(expression, source, source$rows[k])
    if (definitions) {
      trouble <- tryCatch({ eval_compiled(expression, environment); NULL }, error = identity)
      if (!is.null(trouble)) note_skipped(source, source$rows[k], conditionMessage(trouble))
    } else {
      eval_compiled(expression, environment)
    }
  }
  invisible()
}

# The candidate's own training is compiled as usual; for a step, which runs once, that costs more than it saves.
eval_compiled <- function(expression, environment) {
  was <- compiler::enableJIT(3L)
  on.exit(compiler::enableJIT(was))
  eval(expression, environment)
}

prepare <- function(expression, source, row) {
  scope <- list(source = source, fun = NULL, formals = character())
  if (!remembered$keep) return(rewrite_definitions(expression, row, scope))
  changed <- rewrite_statement(expression, row, scope)
  remember_statement(changed, source, row)
  changed
}

note_skipped <- function(source, row, reason) {
  line <- if (is.na(row)) 1L else source$line1[row]
  skipped[length(skipped) + 1L] <<- json_lines(
    t = "skipped", file = source$path, cell = source$cell[line], line = source$line[line], code = source$lines[line],
    message = reason)
}

open_source <- function(path) {
  source <- new_candidate_source(path)
  current <<- list(source = source, row = NA_integer_)
  parse_source(source)
}

new_candidate_source <- function(path) {
  lines <- read_text(path)
  reader <- notebook_readers[[tolower(sub(".*\\.", "", path))]]
  if (is.null(reader)) new_source(path, lines) else reader(path, lines)
}

# .Rmd and .qmd: everything but the R chunks is blanked, so that lines stay those of the file.
read_markdown <- function(path, lines) {
  opening <- grepl("^[ \t>]*```+\\s*\\{[rR]([ ,}].*)?$", lines)
  closing <- grepl("^[ \t>]*```+\\s*$", lines)
  code <- logical(length(lines))
  inside <- FALSE
  for (k in seq_along(lines)) {
    if (inside && closing[k]) inside <- FALSE else if (inside) code[k] <- TRUE else if (opening[k]) {
      inside <- !grepl("eval\\s*=\\s*(FALSE|F)\\b", lines[k])
    } else if (grepl("^[ \t>]*```+\\s*\\{", lines[k])) {
      inside <- NA
    }
    if (is.na(inside)) inside <- FALSE
  }
  chunk <- cumsum(opening)
  never <- unique(chunk[code & grepl("^\\s*#\\|\\s*eval\\s*:\\s*(false|no)\\b", lines, ignore.case = TRUE)])
  code[chunk %in% never] <- FALSE
  lines[!code] <- ""
  new_source(path, lines)
}

# .ipynb: the code cells in order; lines are counted within the cell.
read_notebook <- function(path, lines) {
  cells <- notebook_cells(paste(lines, collapse = "\n"))
  texts <- lapply(cells, function(cell) strsplit(cell, "\n", fixed = TRUE)[[1]])
  texts <- lapply(texts, function(text) if (length(text)) text else "")
  new_source(path, unlist(texts), rep(as.integer(names(cells)), lengths(texts)), unlist(lapply(texts, seq_along)))
}

notebook_readers <- list(rmd = read_markdown, qmd = read_markdown, ipynb = read_notebook)

# -- what the candidate finds in place of base R's own ----------------------------------------------------------------

# quit inside a step or while loading is a result, not the end of the recorder.
leave <- function(save = "default", status = 0, runLast = TRUE) {
  if (is.null(computeRestarts_named("nnparity_leave"))) base_quit("no", status, FALSE)
  departure <<- describe_failure(NULL, sys.calls(), sys.frames(), paste0("quit() with status ", status), "quit")
  invokeRestart("nnparity_leave")
}

computeRestarts_named <- function(name) {
  for (restart in computeRestarts()) if (identical(restart$name, name)) return(restart)
  NULL
}

base_quit <- base::quit
base_source <- base::source
departure <- NULL

# Files of the candidate that it sources itself are recorded under their own names.
source_recorded <- function(file, local = FALSE, echo = FALSE, ...) {
  is_path <- is.character(file) && length(file) == 1L && !grepl("^(https?|ftp|file)://", file) && nzchar(file)
  if (!is_path || !file.exists(file)) return(base_source(file, local = local, echo = FALSE, ...))
  environment <- if (is.environment(local)) local else if (isTRUE(local)) parent.frame() else globalenv()
  path <- normalizePath(file)
  chdir <- isTRUE(list(...)$chdir)
  if (chdir) {
    back <- setwd(dirname(path))
    on.exit(setwd(back))
  }
  if (trying) load_plain(path, environment) else
    load_file(path, environment, recorded = loading_recorded, definitions = only_definitions && loading_recorded)
  invisible(list(value = NULL, visible = FALSE))
}

loading_recorded <- TRUE

replace_in_base <- function(name, value, where = baseenv()) {
  if (bindingIsLocked(name, where)) base::unlockBinding(name, where)
  assign(name, value, envir = where)
}

stand_guard <- function() {
  use_utf8()
  replace_in_base("quit", leave)
  replace_in_base("q", leave)
  replace_in_base("source", source_recorded)
  tools <- attach(NULL, name = "nnparity", warn.conflicts = FALSE)
  assign("candidate_lines", candidate_lines, envir = tools)
  replace_in_base("commandArgs", function(trailingOnly = FALSE) {
    if (trailingOnly) character() else c("R", "--no-echo", "--no-restore", paste0("--file=", candidate_path))
  })
  nothing <- function(...) invisible(NULL)
  utils <- asNamespace("utils")
  for (name in "install.packages") {
    replace_in_base(name, nothing, utils)
    replace_in_base(name, nothing, as.environment("package:utils"))
  }
  options(device = function(...) grDevices::pdf(NULL), menu.graphics = FALSE, expressions = 25000L, error = NULL,
          browserNLdisabled = TRUE)
}

# -- the candidate's own statements, by line --------------------------------------------------------------------------

candidate_lines <- function(first, last = first, env = parent.frame()) {
  all <- Filter(function(statement) statement$file == candidate_path, remembered$list)
  chosen <- Filter(function(statement) statement$line1 >= first && statement$line2 <= last, all)
  inside <- function(one, other) {
    other$start <= one$start && other$end >= one$end && (other$start < one$start || other$end > one$end)
  }
  widest <- Filter(function(one) !any(vapply(chosen, function(other) inside(one, other), NA)), chosen)
  widest <- widest[!duplicated(vapply(widest, `[[`, 0, "start"))]
  widest <- widest[order(vapply(widest, `[[`, 0, "start"))]
  if (!length(widest)) {
    stop("candidate_lines(", first, ", ", last, "): no whole statement of ", basename(candidate_path),
         " stands on these lines", call. = FALSE)
  }
  value <- NULL
  for (statement in widest) value <- eval(statement$expression, env)
  invisible(value)
}

candidate_path <- ""
