"""A network trained here, trained on in Python by diffusers, and here again: the loss goes on.

The loss of each part is the mean over its steps. What must hold: that of the second and third part lies below the
first part's, and the third begins where the second ended (within its own spread).
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import sys

import numpy as np
import torch
from diffusers import DDPMPipeline
from diffusers.utils import logging
from PIL import Image

logging.set_verbosity_error()
logging.disable_progress_bar()


def program(ddpm, *words):
    return subprocess.run([ddpm, *map(str, words)], check=True, capture_output=True, text=True).stdout


def losses_of(run):
    lines = [json.loads(line) for line in open(run / "metrics.jsonl")]
    return [line["loss"] for line in lines if line["kind"] == "metrics"]


def make_images(folder):
    """Disks of some gray on another gray."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[0:16, 0:16]
    for i in range(400):
        y, x, radius = random.uniform(4, 12), random.uniform(4, 12), random.uniform(2, 5)
        inside = (rows - y) ** 2 + (columns - x) ** 2 < radius ** 2
        Image.fromarray(np.where(inside, 230, 40).astype(np.uint8)).save(folder / f"{i:03}.png")


def train_there(checkpoint, images, out, steps):
    """Ten steps of torch's Adam with the scheduler's own noise."""
    torch.manual_seed(0)
    pipeline = DDPMPipeline.from_pretrained(checkpoint)
    network, scheduler = pipeline.unet.train(), pipeline.scheduler
    x0 = torch.stack([torch.from_numpy(np.array(Image.open(path))).float() / 127.5 - 1 for path in sorted(images.iterdir())])
    x0 = x0.unsqueeze(1)
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-4)
    losses = []
    for _ in range(steps):
        batch = x0[torch.randint(len(x0), (64,))]
        noise = torch.randn_like(batch)
        n = torch.randint(scheduler.config.num_train_timesteps, (len(batch),))
        loss = torch.nn.functional.mse_loss(network(scheduler.add_noise(batch, noise, n), n).sample, noise)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    pipeline.save_pretrained(out)
    return losses


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ddpm", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    arguments = parser.parse_args()
    work, ddpm = arguments.work, arguments.ddpm
    make_images(work / "images")
    common = ["--data", work / "images", "--batch-size", 64, "--log-every", 1, "--sample-every", 0, "--learning-rate", 2e-4,
              "--warmup", 1]
    program(ddpm, "train", "--out", work / "first", "--steps", 300, "--base-channels", 32, "--channel-multipliers", "1,2",
            "--blocks-per-level", 1, "--dropout", 0, "--ema-decay", 0.9, *common)
    first = losses_of(work / "first")
    program(ddpm, "export", "--checkpoint", work / "first", "--out", work / "exported")
    there = train_there(work / "exported", work / "images", work / "there", 10)
    said = program(ddpm, "train", "--init-from", work / "there", "--out", work / "again", "--steps", 20, *common)
    again = losses_of(work / "again")
    taken = [line for line in said.splitlines() if "taken" in line]
    print("\n".join(taken))
    parts = {"first 10 steps here": first[:10], "last 50 steps here": first[-50:], "10 steps there": there,
             "20 steps here again": again}
    for name, losses in parts.items():
        print(f"{name:22} loss {statistics.mean(losses):.4f} +- {statistics.stdev(losses) / len(losses) ** .5:.4f}")
    error = statistics.stdev(again) / len(again) ** .5 + statistics.stdev(there) / len(there) ** .5
    goes_on = abs(statistics.mean(again) - statistics.mean(there)) < 4 * error
    below = statistics.mean(again) < statistics.mean(first[:10]) / 2
    sys.exit(0 if goes_on and below and "begun afresh" not in said else 1)


main()
