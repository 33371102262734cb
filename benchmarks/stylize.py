"""The whole command, from start to saved file: seconds on the wall and the largest resident set.

python benchmarks/stylize.py CONTENT STYLE [--rounds 3] [-- FLAGS OF intarsia stylize]"""

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import cyclopts


def main(content: Path, style: str, *flags: str, rounds: int = 3) -> None:
    command = Path(sys.executable).with_name("intarsia")
    times = []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(rounds):
            began = time.monotonic()
            wanted = ["stylize", str(content), style, "-o", f"{folder}/out.png", "--quiet", *flags]
            subprocess.run([str(command), *wanted], check=True, stderr=subprocess.DEVNULL)
            times.append(time.monotonic() - began)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
    told = ", ".join(f"{seconds:.1f}" for seconds in times)
    print(f"{content.name} + {style}: median {statistics.median(times):.1f} s of {told}; peak {peak:.2f} GiB")


if __name__ == "__main__":
    cyclopts.run(main)
