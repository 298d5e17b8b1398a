"""`make bench`: every area in turn, one JSON object a line.

`python -m bench [AREA …] [-- options of the areas]`.
"""

import subprocess
import sys

AREAS = (
    "gateway", "conversion", "wire", "product", "trace_page", "transport", "spool", "store", "ingest", "sdk",
    "redaction",
)  # fmt: skip


def main() -> int:
    """Run each area in a process of its own, so that none measures what another left behind."""
    arguments = sys.argv[1:]
    split = arguments.index("--") if "--" in arguments else len(arguments)
    chosen, options = arguments[:split] or list(AREAS), arguments[split + 1 :]
    unknown = sorted(set(chosen) - set(AREAS))
    if unknown:
        raise SystemExit(f"unknown area {', '.join(unknown)}; there are: {', '.join(AREAS)}")
    failed = [area for area in chosen if subprocess.run([sys.executable, "-m", f"bench.{area}", *options]).returncode]
    if failed:
        sys.stderr.write(f"failed: {', '.join(failed)}\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
