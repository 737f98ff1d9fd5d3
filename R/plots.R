# Pictures of a training, of what a network takes for what, and of what it sees; drawn with base graphics on the
# current device.
#
# `save_picture` opens a file for one of them: PNG, PDF or SVG, told by its ending.

# Okabe and Ito's colours, which colour-blind people tell apart; then four more for ten classes.
COLOURS <- c(
  "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#999999", "#F0E442", "#6A3D9A", "#8C510A"
)
FORMATS <- c("png", "pdf", "svg")

# Evaluates `draw` with a file as its device, `width` by `height` inches. path: ends in .png, .pdf or .svg; an old file
# is replaced once the new one is drawn. dots: per inch, for PNG.
save_picture <- function(draw, path, width = 8, height = 3.4, dots = 100) {
  ending <- tolower(sub("^.*[.]", "", basename(path)))
  check_word(ending, FORMATS, paste("the ending of", path))
  obstacle <- replace_file(path, function(partial) {
    draw_on_file(draw, partial, ending, width, height, dots)
  }, paste0(".", ending))
  check_written(obstacle, path)
  invisible(path)
}

# Evaluates `draw` with a file of that format as its device. Returns what stood in the way of the file, or NULL.
draw_on_file <- function(draw, path, ending, width, height, dots) {
  obstacle <- obstacle_in(switch(ending,
    png = grDevices::png(path, width * dots, height * dots, res = dots),
    pdf = grDevices::pdf(path, width, height),
    svg = grDevices::svg(path, width, height)
  ))
  if (!is.null(obstacle)) return(obstacle)
  device <- grDevices::dev.cur()
  tryCatch(force(draw), finally = obstacle <- obstacle_in(grDevices::dev.off(device)))
  if (is.null(obstacle) && !is_whole_picture(path, ending)) obstacle <- "Not all of it could be written"
  obstacle
}

# Whether the file ends as its format does: PNG and SVG do not say that the disk is full.
is_whole_picture <- function(path, ending) {
  if (!file.exists(path)) return(FALSE)
  bytes <- utils::tail(readBin(path, "raw", file.size(path)), 12L)
  last <- c(png = "IEND", pdf = "%%EOF", svg = "</svg>")[[ending]]
  grepl(last, rawToChar(bytes[bytes != as.raw(0L)]), fixed = TRUE, useBytes = TRUE)
}

# Loss and metric by epoch, of training and, where there are some, of validation data. history: of a training state.
# metric: its name, for the axis.
plot_history <- function(history, metric = "accuracy") {
  if (nrow(history) == 0L) stop_input("the model must have been trained for at least one epoch, not for none")
  before <- graphics::par(mfrow = c(1, 2), mar = c(4, 4, 1, 1), las = 1, bty = "l")
  on.exit(graphics::par(before))
  names <- c(loss = "loss", metric = metric)
  for (column in names(names)) {
    held <- history[[paste0("validation_", column)]]
    values <- cbind(history[[column]], if (!all(is.nan(held))) held)
    graphics::matplot(
      history$epoch, values, type = "l", lty = 1, lwd = 1.5, col = COLOURS[1:2], xlab = "epoch", ylab = names[[column]]
    )
    if (ncol(values) == 2L) {
      place <- if (values[nrow(values), 1L] > values[1L, 1L]) "bottomright" else "topright"
      graphics::legend(place, c("training", "validation"), lty = 1, col = COLOURS[1:2], bty = "n")
    }
  }
}

# The confusion matrix: shares of each true class (row) as shades, counts as numbers. counts: of `confusion_matrix`.
# classes: their names.
plot_confusion <- function(counts, classes) {
  before <- graphics::par(mar = c(4, 5, 1, 1), las = 1)
  on.exit(graphics::par(before))
  n <- length(classes)
  shares <- counts / pmax(rowSums(counts), 1)
  blues <- grDevices::colorRampPalette(c("white", "#08519C"))(100L)
  graphics::image(
    seq_len(n), seq_len(n), t(shares[rev(seq_len(n)), ]), zlim = c(0, 1), col = blues, axes = FALSE, asp = 1,
    xlab = "taken for", ylab = "is"
  )
  graphics::axis(1, seq_len(n), classes, tick = FALSE)
  graphics::axis(2, rev(seq_len(n)), classes, tick = FALSE)
  at <- which(counts > 0, arr.ind = TRUE)
  graphics::text(
    at[, 2L], n + 1 - at[, 1L], counts[at], cex = 0.7, col = ifelse(shares[at] > 0.5, "white", "black")
  )
}

# What a network of two inputs takes each place of the plane for, with the observations. model: with two inputs and
# classes. X: n x 2. y: n labels of its classes. grid: places along each side.
plot_regions <- function(model, X, y, grid = 200) {
  if (model$network$sizes[1L] != 2 || length(model$targets$classes) == 0L) {
    stop_input(paste0(
      "regions need a network of 2 inputs that predicts classes, not one of ", model$network$sizes[1L], " inputs"
    ))
  }
  own <- classify(t(encode_targets(model$targets, y)))
  before <- graphics::par(mar = c(4, 4, 1, 1), las = 1)
  on.exit(graphics::par(before))
  axis_places <- function(x) {
    margin <- 0.06 * (max(x) - min(x))
    if (margin == 0) margin <- max(0.5, 1e-4 * abs(x[[1L]])) # one value alone is given some width
    seq(min(x) - margin, max(x) + margin, length.out = grid)
  }
  x1 <- axis_places(X[, 1L])
  x2 <- axis_places(X[, 2L])
  taken <- classify(t(predict_outputs(model, cbind(rep(x1, grid), rep(x2, each = grid)))))
  count <- length(model$targets$classes)
  colours <- COLOURS[seq_len(count)]
  graphics::image(
    x1, x2, matrix(taken, grid, grid), col = grDevices::adjustcolor(colours, 0.35), zlim = c(0.5, count + 0.5), asp = 1,
    xlab = "x1", ylab = "x2", useRaster = TRUE
  )
  size <- max(0.7, 6 / nrow(X))
  graphics::points(X[, 1L], X[, 2L], pch = 21, bg = colours[own], col = "white", lwd = 0.3, cex = size)
}

# Grey or RGB images side by side. images: one image per row, from 0 (white for grey ones) to 1. titles: one above
# each image. columns: images in a line. shape: rows and columns of pixels (and 3 for RGB); square and grey unless
# given.
plot_images <- function(images, titles = character(), columns = 10, shape = NULL) {
  images <- if (is.matrix(images)) images else matrix(images, 1L)
  if (is.null(shape)) shape <- rep(round(sqrt(ncol(images))), 2L)
  columns <- min(columns, nrow(images))
  before <- graphics::par(
    mfrow = c(ceiling(nrow(images) / columns), columns), mar = c(0.2, 0.2, if (length(titles) > 0L) 1.2 else 0.2, 0.2)
  )
  on.exit(graphics::par(before))
  for (k in seq_len(nrow(images))) {
    pixels <- pmin(pmax(images[k, ], 0), 1)
    # Pixels come row by row, the colours of a pixel together; R holds rows last and colours apart.
    coloured <- length(shape) == 3L
    picture <- if (coloured) aperm(array(pixels, rev(shape)), 3:1) else 1 - matrix(pixels, shape[1L], byrow = TRUE)
    graphics::plot.new()
    graphics::plot.window(c(0, 1), c(0, 1), asp = shape[1L] / shape[2L])
    graphics::rasterImage(grDevices::as.raster(picture), 0, 0, 1, 1, interpolate = FALSE)
    if (length(titles) > 0L) graphics::title(titles[[k]], cex.main = 0.9, font.main = 1, line = 0.2)
  }
}
