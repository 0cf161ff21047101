"""One picture cleaned in a process of its own: prints the seconds and the megabytes it took, and what came of it."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from PIL import Image

from articles.content import pictures


def peak() -> float:
    """Megabytes of memory that this process has held at most."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


def measure(path: Path) -> dict[str, object]:
    content = path.read_bytes()
    before, began = peak(), time.perf_counter()
    try:
        picture = pictures.clean(content)
        outcome = f"{picture.width} × {picture.height}"
    except pictures.BadPicture as exc:
        outcome = f"refused: {exc}"
    return {"seconds": time.perf_counter() - began, "megabytes": peak() - before, "outcome": outcome}


if __name__ == "__main__":
    Image.init()  # decoders are loaded once in a worker, not with each picture
    sys.stdout.write(json.dumps(measure(Path(sys.argv[1]))))
