"""How far apart are images of the same seeds? For the files of precision.sh: the share of values that are equal, the
mean and the largest difference in levels of 255, against fp32 by the engine; and a grid of both, FOLDER/grid.png.

    python precision.py FOLDER

Needs numpy and Pillow.
"""

import pathlib
import sys

import numpy as np
from PIL import Image

COLUMNS = 16


def images(folder, name):
    return np.load(folder / f"{name}.npz")["arr_0"].astype(int)


def row(name, one, other):
    apart = np.abs(one - other)
    of_images = apart.reshape(len(apart), -1).mean(axis=1)
    print(f"| {name} | {100 * np.mean(apart == 0):.2f} % | {apart.mean():.3f} | {np.median(of_images):.3f} | "
          f"{of_images.max():.2f} | {apart.max()} |")


def strip(batch):
    return np.concatenate(list(batch[:COLUMNS, :, :, 0]), axis=1)


def main():
    folder = pathlib.Path(sys.argv[1])
    print("| against fp32 by the engine | equal values | mean difference | median image | worst image | worst value |")
    print("|---|---|---|---|---|---|")
    strips = []
    for steps, names in (("50", ("libtorch-fp32", "bf16", "libtorch-bf16")), ("1000", ("bf16",))):
        wanted = images(folder, f"{steps}-fp32")
        strips.append(strip(wanted))
        for name in names:
            got = images(folder, f"{steps}-{name}")
            row(f"{steps} steps, {name}", wanted, got)
            if name == "bf16":
                strips.append(strip(got))
    grid = Image.fromarray(np.concatenate(strips).astype(np.uint8))
    grid.resize((grid.width * 2, grid.height * 2), Image.NEAREST).save(folder / "grid.png")


if __name__ == "__main__":
    main()
