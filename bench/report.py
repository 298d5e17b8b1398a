"""One JSON object a line: what was measured, beside what the peer did in the same run."""

import json
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Figure:
    """One measured value; `ratio` says how many times better ours is than the peer's."""

    area: str
    metric: str
    value: float
    unit: str
    peer: str = ""
    peer_value: float | None = None
    ratio: float | None = None
    n: int = 1
    note: str = ""


def show(figure: Figure) -> None:
    """Print a figure as one line of JSON."""
    sys.stdout.write(json.dumps({k: v for k, v in asdict(figure).items() if v not in (None, "")}) + "\n")
    sys.stdout.flush()


def machine() -> str:
    """Return the processor and kernel that the figures were taken on."""
    model = "unknown processor"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return f"{model}, {platform.system()} {platform.release()}, Python {platform.python_version()}"


def median(values: list[float]) -> float:
    """Return the middle value, the mean of the two middle ones of an even number."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2


def quantile(values: list[float], share: float) -> float:
    """Return the value below which `share` of the values lie."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
