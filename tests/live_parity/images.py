"""Images of `ddpm sample --rng diffusers` and of diffusers' pipelines, pixel for pixel.

A network is trained here for a few minutes, so that the chains are those of a network that has learned something;
diffusers opens its checkpoint. What must hold: no pixel differs by more than one level.
"""

import argparse
import glob
import pathlib
import subprocess
import sys

import numpy as np
import torch
from diffusers import DDIMPipeline, DDIMScheduler, DDPMPipeline
from diffusers.utils import logging
from PIL import Image

logging.set_verbosity_error()
logging.disable_progress_bar()


def program(ddpm, *words):
    subprocess.run([ddpm, *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def ours(ddpm, run, out, count, seed, flags, rng):
    program(ddpm, "sample", "--checkpoint", run, "--out", out, "--count", count, "--seed", seed, "--rng", rng, *flags)
    return np.stack([np.asarray(Image.open(path)) for path in sorted(glob.glob(f"{out}/[0-9]*.png"))]).astype(int)


def theirs(checkpoint, kind, count, steps, seed, rng):
    pipeline = DDPMPipeline.from_pretrained(checkpoint)
    if kind == "ddim":
        scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
        pipeline = DDIMPipeline(unet=pipeline.unet, scheduler=scheduler)
    pipeline.set_progress_bar_config(disable=True)
    if rng == "diffusers":
        generator = torch.Generator().manual_seed(seed)
    else:
        generator = [torch.Generator().manual_seed(seed + k) for k in range(count)]
    images = pipeline(batch_size=count, generator=generator, num_inference_steps=steps).images
    return np.stack([np.asarray(image).squeeze() for image in images]).astype(int)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ddpm", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--run", help="a run that is trained already")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True)
    run = arguments.run or arguments.work / "run"
    if not arguments.run:
        program(arguments.ddpm, "train", "--preset", "fashion-mnist", "--data", "fashion-mnist", "--out", run,
                "--sample-every", 0, "--steps", 20 if arguments.quick else 600)
    checkpoint = sorted(pathlib.Path(run, "checkpoints").iterdir())[-1]
    long = 50 if arguments.quick else 1000
    jobs = [("ddim", 8, 50, "diffusers"), ("ddim", 8, 50, "diffusers-per-image"),
            ("ddpm", 4, long, "diffusers"), ("ddpm", 4, long, "diffusers-per-image")]
    holds = True
    for kind, count, steps, rng in jobs:
        out = arguments.work / f"{kind}-{rng}"
        flags = ["--sampler", kind, "--steps", steps, "--parity", "diffusers"]
        one = ours(arguments.ddpm, run, out, count, 3, flags, rng)
        other = theirs(checkpoint, kind, count, steps, 3, rng)
        difference = np.abs(one - other)
        print(f"{kind} {count} images x {steps} steps, {rng}: largest difference {difference.max()} of 255, "
              f"{100 * (difference == 0).mean():.4f} % of the pixels equal", flush=True)
        holds &= one.shape == other.shape and difference.max() <= 1
    sys.exit(0 if holds else 1)


main()
