"""The table and the picture of a sweep: rows samplers, columns network calls an image.

    python table.py FOLDER     reads FOLDER/quality.txt and the samples; writes FOLDER/grid.png, prints the table

Needs numpy and Pillow.
"""

import re
import sys
from pathlib import Path

import numpy as np
from PIL import Image

TWO_CALLS = ("dpmpp_2s", "heun")
SHOWN = 6  # images of each cell


def main():
    folder = Path(sys.argv[1])
    cells = {}
    for line in (folder / "quality.txt").read_text().splitlines():
        name, steps, value = re.match(r".*/(.+)-(\d+)\.npz: ([\d.]+) ", line).groups()
        calls = int(steps) * (2 if name in TWO_CALLS else 1)
        cells[name, calls] = (float(value), folder / f"{name}-{steps}.npz")
    names = sorted({name for name, _ in cells})
    columns = sorted({calls for _, calls in cells})
    print("| sampler | " + " | ".join(f"{calls} calls" for calls in columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    rows = []
    for name in names:
        values = [cells.get((name, calls)) for calls in columns]
        print(f"| {name} | " + " | ".join(f"{value[0]:.1f}" if value else "" for value in values) + " |")
        parts = []
        for value in values:
            images = np.load(value[1])["arr_0"][:SHOWN, ..., 0] if value else np.full((SHOWN, 28, 28), 255, np.uint8)
            parts.append(np.concatenate(list(images), 1))
        rows.append(np.concatenate([np.pad(part, 4, constant_values=255) for part in parts], 1))
    Image.fromarray(np.concatenate(rows, 0)).save(folder / "grid.png")
    print("rows of grid.png:", ", ".join(names), "; columns:", ", ".join(map(str, columns)))


main()
