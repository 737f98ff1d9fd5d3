# The door: source() and the installed package offer the same, and mask nothing.

expect_true(file.exists(file.path(data_dir(), "README.md")))

# What the package exports where it is installed, and what sourcing puts beside it: no name of R's own is masked.
defined <- if (isNamespaceLoaded("nnparity")) getNamespaceExports("nnparity") else ls(globalenv())
for (package in c("base", "stats", "utils", "graphics", "grDevices", "methods")) {
  expect_equal(intersect(defined, getNamespaceExports(package)), character(), info = package)
}
