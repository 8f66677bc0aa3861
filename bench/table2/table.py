"""The table of bench/table2/run.sh: a line for each row of the paper's table 2.

    python table.py FOLDER     reads what run.sh left there; prints Markdown

Bits per dimension with the standard error over images; the distance of ../quickstart/quality.py; and how training went:
the largest gradient norm of the last half (a mean over 20 steps, before clipping) over its median, and skipped updates.
"""

import json
import re
import statistics
import sys
from pathlib import Path

PAPER = {"mean-bound-learned": "23.69", "mean-bound-fixed": "13.22", "mean-simple-fixed": "unstable",
         "eps-bound-learned": "unstable", "eps-bound-fixed": "13.51", "eps-simple-fixed": "3.17"}
ROWS = [f"{p}-{rest}" for p in ("mean", "eps", "x0") for rest in ("bound-learned", "bound-fixed", "simple-fixed", "simple-learned")]


def part(value):
    error = value["images_error"]
    return f"{value['bits']:.3f}" + (f" +- {error:.3f}" if error is not None else "")


def main():
    folder = Path(sys.argv[1])
    quality = {}
    for line in (folder / "quality.txt").read_text().splitlines():
        name, value = re.match(r".*/([^/]+)/samples\.npz: ([\d.]+) ", line).groups()
        quality[name] = value
    print("| predicts, loss, variance | bits/dim | L_0 | sum of L_{t-1} | distance | spikes | skipped | FID in the paper |")
    print("|---|---|---|---|---|---|---|---|")
    for row in ROWS:
        log = [json.loads(line) for line in (folder / row / "run/metrics.jsonl").read_text().splitlines()]
        metrics = [line for line in log if line["kind"] == "metrics"]
        norms = [line["gradient_norm"] for line in metrics[len(metrics) // 2:] if line["gradient_norm"] is not None]
        skipped = sum(line["skipped_updates"] for line in metrics)
        bound = json.loads((folder / row / "bound/bpd.json").read_text())
        bound = bound["result"]
        print(f"| {row} | {part(bound['total'])} | {part(bound['last'])} | {part(bound['steps'])} | {quality.get(row, '')} | "
              f"{max(norms) / statistics.median(norms):.1f} | {skipped} | {PAPER.get(row, '')} |")


main()
