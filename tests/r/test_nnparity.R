# The door: what source() and the installed package offer.

expect_true(file.exists(file.path(data_dir(), "README.md")))
