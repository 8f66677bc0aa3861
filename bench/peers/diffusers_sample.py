"""The job of `ddpm sample` as a script for diffusers does it: DDIM's images as PNG files.

    diffusers_sample.py CHECKPOINT OUT --count N --steps N --precision fp32|bf16
"""

import argparse
import pathlib

import torch
from diffusers import DDIMPipeline

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("checkpoint")
parser.add_argument("out", type=pathlib.Path)
parser.add_argument("--count", type=int, required=True)
parser.add_argument("--steps", type=int, required=True)
parser.add_argument("--precision", choices=("fp32", "bf16"), required=True)
options = parser.parse_args()

pipeline = DDIMPipeline.from_pretrained(options.checkpoint)
pipeline.set_progress_bar_config(disable=True)
# not by torch_dtype=bfloat16: DDIMPipeline of 0.42.1 then ends in a TypeError, as numpy has no such numbers
with torch.autocast("cpu", torch.bfloat16, enabled=options.precision == "bf16"):
    images = pipeline(batch_size=options.count, num_inference_steps=options.steps,
                      generator=torch.Generator().manual_seed(0)).images
options.out.mkdir()
for number, image in enumerate(images):
    image.save(options.out / f"{number:06}.png")
