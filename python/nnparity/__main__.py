"""`python -m nnparity` is the command line."""

from nnparity.cli import main

if __name__ == "__main__":
    main()
