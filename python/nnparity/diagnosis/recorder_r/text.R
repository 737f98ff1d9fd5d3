# Writing JSON and reading files whose bytes may be anything: base R has neither a JSON writer nor a forgiving reader.

as_utf8 <- function(x) {
  x <- as.character(x)
  x <- enc2utf8(x)
  bad <- !validUTF8(x)
  if (any(bad)) x[bad] <- iconv(x[bad], "latin1", "UTF-8", sub = "?")
  x
}

json_string <- function(x) {
  x <- as_utf8(x)
  missing_values <- is.na(x)
  x <- gsub("\\", "\\\\", x, fixed = TRUE)
  x <- gsub("\"", "\\\"", x, fixed = TRUE)
  x <- gsub("\n", "\\n", x, fixed = TRUE)
  x <- gsub("\t", "\\t", x, fixed = TRUE)
  x <- gsub("\r", "\\r", x, fixed = TRUE)
  if (any(grepl("[\001-\037]", x))) {
    for (code in c(1:8, 11, 12, 14:31)) x <- gsub(rawToChar(as.raw(code)), sprintf("\\u%04x", code), x, fixed = TRUE)
  }
  x <- paste0("\"", x, "\"")
  x[missing_values] <- "null"
  x
}

# One object per line from columns: texts, whole numbers, and I() for what is JSON already; NULL and NA become null.
json_lines <- function(...) {
  columns <- lapply(list(...), function(column) {
    if (inherits(column, "AsIs")) unclass(column) else if (is.character(column)) json_string(column) else
      if (is.null(column)) "null" else json_whole(column)
  })
  fields <- Map(function(name, values) paste0("\"", name, "\":", values), names(columns), columns)
  paste0("{", do.call(paste, c(unname(fields), sep = ",")), "}")
}

json_whole <- function(x) {
  x <- as.integer(x)
  text <- as.character(x)
  text[is.na(x)] <- "null"
  text
}

json_array <- function(texts) paste0("[", paste(texts, collapse = ","), "]")

read_text <- function(path) {
  size <- file.info(path, extra_cols = FALSE)$size
  if (is.na(size)) stop("cannot open file '", path, "': no such file", call. = FALSE)
  bytes <- readBin(path, "raw", n = size)
  if (length(bytes) >= 3 && identical(bytes[1:3], as.raw(c(0xEF, 0xBB, 0xBF)))) bytes <- bytes[-(1:3)]
  bytes <- bytes[bytes != as.raw(0)]
  text <- rawToChar(bytes)
  Encoding(text) <- "UTF-8"
  if (!validUTF8(text)) text <- iconv(text, "latin1", "UTF-8", sub = "?")
  text <- gsub("\r\n?", "\n", text)
  lines <- strsplit(text, "\n", fixed = TRUE)[[1]]
  if (length(lines)) lines else ""
}
