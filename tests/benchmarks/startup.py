"""How long `import nnparity` takes beyond `import numpy`, and `nnparity --help`: medians of processes started in turn.

    .venv/bin/python tests/benchmarks/startup.py [--rounds N]
"""

import argparse
import resource
import statistics
import subprocess
import sys

COMMANDS = {
    "python": ["-c", ""],
    "import numpy": ["-c", "import numpy"],
    "import nnparity": ["-c", "import nnparity"],
    "nnparity --help": ["-m", "nnparity", "--help"],
}


def seconds_of(arguments):
    """Return the processor's seconds of one process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    times = {name: [] for name in COMMANDS}
    for _ in range(options.rounds):
        for name, arguments in COMMANDS.items():
            times[name].append(seconds_of(arguments))
    for name, values in times.items():
        print(f"{name:<20} {statistics.median(values):.3f} s")
    beyond = [ours - theirs for ours, theirs in zip(times["import nnparity"], times["import numpy"], strict=True)]
    print(f"import nnparity takes {statistics.median(beyond):.3f} s more than import numpy (goal: 0.15)")


if __name__ == "__main__":
    main()
