# Files are written whole or not at all, and text is UTF-8 wherever it goes.
#
# A file is written beside its place and then moved there: whoever looks sees the old one or the new one, never half
# of it. A full disk is often noticed at the end only, when the file is closed, and R says so in a warning; so warnings
# count, and the size does. A device or a pipe has no such place beside it and is written to as it is.

# Writes lines of text to a file. Returns what stood in the way, or NULL.
write_lines_whole <- function(lines, path) {
  bytes <- text_bytes(lines)
  if (is_device(path)) return(write_bytes(bytes, path))
  replace_file(path, function(partial) {
    obstacle <- write_bytes(bytes, partial)
    if (is.null(obstacle) && file.size(partial) != length(bytes)) obstacle <- "Not all of it could be written"
    obstacle
  })
}

# Makes a new file beside the path and moves it there. Returns what stood in the way, or NULL; then the path is as it
# was. write: takes the path of the new file and returns what stood in its way, or NULL. ending: of that path.
replace_file <- function(path, write, ending = ".part") {
  if (is_device(path)) return("It is a device")
  target <- end_of_link(path)
  partial <- tempfile(".nnparity-", dirname(target), ending)
  on.exit(unlink(partial))
  obstacle <- write(partial)
  if (is.null(obstacle)) {
    obstacle <- obstacle_in({
      if (file.exists(target)) Sys.chmod(partial, file.mode(target), use_umask = FALSE)
      file.rename(partial, target)
    })
  }
  obstacle
}

# Writes bytes to what the path names. Returns what stood in the way, or NULL.
write_bytes <- function(bytes, path) {
  obstacle_in({
    stream <- file(path, "wb", raw = TRUE) # raw: a pipe will do
    tryCatch(writeBin(bytes, stream), finally = close(stream))
  })
}

# Runs code. Returns what stood in the way, in the system's words where it said some, or NULL: a warning counts as an
# error does, but does not keep the code from closing what it opened.
obstacle_in <- function(code) {
  messages <- character()
  note <- function(condition) messages <<- c(messages, conditionMessage(condition))
  tryCatch(
    withCallingHandlers(code, warning = function(condition) {
      note(condition)
      tryInvokeRestart("muffleWarning")
    }),
    error = note
  )
  if (length(messages) > 0L) cause_in(messages)
}

# The system's words out of R's messages: "... 'm.txt': Permission denied", "..., reason 'Is a directory'".
cause_in <- function(messages) {
  pattern <- "^.*(: +|, reason ')([^:']+)'?$"
  said <- grepl(pattern, messages)
  if (any(said)) sub(pattern, "\\2", messages[said][[1L]]) else "Not all of it could be written"
}

# The path, or what it points to where it is a link: then the link stays.
end_of_link <- function(path) {
  if (nzchar(Sys.readlink(path)) %in% TRUE) normalizePath(path, mustWork = FALSE) else path
}

# Whether the path names a device or a pipe, such as /dev/stdout, or points to one.
is_device <- function(path) {
  path <- if (grepl("^/(dev|proc)/", path)) path else end_of_link(path)
  folder <- normalizePath(dirname(path), mustWork = FALSE)
  if (grepl("^/(dev|proc)(/|$)", folder)) return(!grepl("^/dev/shm(/|$)", folder))
  # Devices and pipes have no size; what has none may still be an empty file.
  if (.Platform$OS.type != "unix" || !isTRUE(file.size(path) == 0)) return(FALSE)
  !dir.exists(path) && system2("test", c("-f", shQuote(path.expand(path)))) != 0L
}

# Stops where something stood in the way of writing; what `write_lines_whole` and `replace_file` return.
check_written <- function(obstacle, path) {
  if (!is.null(obstacle)) stop_input(paste0(path, ": expected a place to write to, but ", tolower(obstacle)))
}

# Lines as bytes, each with a line feed.
text_bytes <- function(lines) {
  if (length(lines) == 0L) return(raw())
  lines <- utf8_text(lines)
  Encoding(lines) <- "UTF-8" # else R would translate them when it joins them
  charToRaw(paste0(paste(lines, collapse = "\n"), "\n"))
}

# Text whose bytes are UTF-8, whatever the locale: in the locale C, R would write <U+00FC> for an umlaut.
utf8_text <- function(text) {
  other <- Encoding(text) == "latin1" | !validUTF8(text)
  text[other] <- enc2utf8(text[other])
  text
}

# Lines on the screen, as UTF-8.
show_lines <- function(lines) {
  writeLines(utf8_text(lines), useBytes = TRUE)
}
