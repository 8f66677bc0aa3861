"""Networks that diffusers makes with random weights, each opened by `ddpm predict`.

The output of the program, in float32, is compared with diffusers in float64 and in float32, relative to the
largest value. What must hold is 1e-5 from float64; what diffusers' own float32 makes of it is printed beside.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import torch
from diffusers import DDPMPipeline, DDPMScheduler
from diffusers.utils import logging

from networks_of_others import CELEBA, CIFAR, random_network

TOLERANCE = 1e-5
logging.set_verbosity_error()
logging.disable_progress_bar()

PAPER = CIFAR | dict(
    sample_size=(16, 24), block_out_channels=(32, 64), layers_per_block=1,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"))
SMALL = {
    "the paper's, small": PAPER,
    "diffusers' defaults": dict(
        sample_size=16, block_out_channels=(32, 48, 80), down_block_types=("DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"), norm_num_groups=16),
    "scale and shift, blocks that resample": PAPER | dict(
        resnet_time_scale_shift="scale_shift", attn_norm_num_groups=16, attention_head_dim=16, flip_sin_to_cos=True, freq_shift=0,
        downsample_type="resnet", upsample_type="resnet", norm_num_groups=16, downsample_padding=1,
        down_block_types=("ResnetDownsampleBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "ResnetUpsampleBlock2D")),
    "everything else": PAPER | dict(
        in_channels=1, out_channels=2, center_input_sample=True, mid_block_scale_factor=1.5, time_embedding_dim=40,
        add_attention=False, time_embedding_type="learned", num_train_timesteps=1000),
}
FULL = {"google/ddpm-cifar10-32": CIFAR, "google/ddpm-celebahq-256": CELEBA}


def answer_of(ddpm, folder, x, n):
    np.save(folder / "x.npy", x.numpy())
    np.save(folder / "t.npy", n.numpy())
    subprocess.run(
        [ddpm, "predict", "--checkpoint", folder, "--input", folder / "x.npy", "--timesteps", folder / "t.npy",
         "--output", folder / "y.npy"], check=True, stdout=subprocess.DEVNULL)
    return torch.from_numpy(np.load(folder / "y.npy")).double()


def save(network, folder, form):
    """As a pipeline's folder, a bare one, in half precision or in pieces."""
    if form == "shards":
        network.save_pretrained(folder, max_shard_size="100KB")
    elif form == "bare":
        network.save_pretrained(folder)
    elif form == "fp16 variant":
        network.half().save_pretrained(folder, variant="fp16")
        network.float()  # of the rounded weights
    else:
        kind = "learned_range" if network.config.out_channels == 2 * network.config.in_channels else "fixed_large"
        DDPMPipeline(network, DDPMScheduler(variance_type=kind)).save_pretrained(folder)


def compare(name, config, form, batch, ddpm, work):
    network = random_network(config, len(name))
    folder = work / (name + " " + form).replace("/", "-").replace(" ", "_")
    save(network, folder, form)
    height, width = (config["sample_size"],) * 2 if isinstance(config["sample_size"], int) else config["sample_size"]
    x = torch.randn(batch, network.config.in_channels, height, width)
    n = torch.tensor([999, 7, 0, 500][:batch])
    ours = answer_of(ddpm, folder, x, n)
    with torch.no_grad():
        in_float32 = network(x, n).sample.double()
        in_float64 = network.double()(x.double(), n).sample
    largest = in_float64.abs().max()
    from_float64 = ((ours - in_float64).abs().max() / largest).item()
    from_float32 = ((ours - in_float32).abs().max() / largest).item()
    theirs = ((in_float32 - in_float64).abs().max() / largest).item()
    print(f"{name:40} {form:14} {from_float64:.1e} from float64, {from_float32:.1e} from float32, "
          f"which is {theirs:.1e} from float64", flush=True)
    shutil.rmtree(folder)
    return from_float64 <= TOLERANCE


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ddpm", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    arguments.work.mkdir(parents=True)
    holds = True
    for name, config in SMALL.items():
        for form in ("pipeline", "bare", "shards", "fp16 variant"):
            holds &= compare(name, config, form, 3, arguments.ddpm, arguments.work)
    for name, config in {} if arguments.quick else FULL.items():
        holds &= compare(name, config, "pipeline", 1 if config is CELEBA else 4, arguments.ddpm, arguments.work)
    sys.exit(0 if holds else 1)


main()
