#!/usr/bin/env python3
"""Exports small networks that have each option of UNet2DModel with `ddpm export`, and checks each as check.py does.

    options.py DDPM [--keep FOLDER] [--only NAME] [--large] [--tolerance 1e-5]

DDPM is the program. The parameters are random, none of them zero or one, so that no part of a network is silent. --large also
has the networks of google/ddpm-cifar10-32 and google/ddpm-church-256 in their full size, which takes minutes and 4 GB.
Exit code 1 if one of them deviates by more than the tolerance. Needs what check.py needs.
"""

import argparse
import pathlib
import subprocess
import sys
import tempfile

import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel

import check

# A network of ours: two levels, attention at the lower one, one head.
PAPER = dict(
    sample_size=8,
    in_channels=3,
    out_channels=3,
    center_input_sample=False,
    freq_shift=1,
    flip_sin_to_cos=False,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    block_out_channels=(16, 32),
    layers_per_block=2,
    downsample_padding=0,
    attention_head_dim=None,
    norm_num_groups=8,
    norm_eps=1e-6,
)
RESNET_BLOCKS = dict(
    down_block_types=("ResnetDownsampleBlock2D", "AttnDownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"),
    block_out_channels=(16, 24, 32),
)
SMALL = {
    "paper": {},
    "heads_with_a_rest": dict(attention_head_dim=5),
    "defaults_of_diffusers": dict(
        attention_head_dim=8, freq_shift=0, flip_sin_to_cos=True, downsample_padding=1, norm_eps=1e-5
    ),
    "padding_around": dict(downsample_padding=1),
    "cosine_first": dict(flip_sin_to_cos=True),
    "frequency_shift_0": dict(freq_shift=0),
    "centered_input": dict(center_input_sample=True),
    "scale_shift": dict(resnet_time_scale_shift="scale_shift"),
    "scale_shift_and_groups_of_middle": dict(resnet_time_scale_shift="scale_shift", attn_norm_num_groups=4),
    "groups_of_middle": dict(attn_norm_num_groups=2),
    "middle_scale": dict(mid_block_scale_factor=1.75),
    "no_middle_attention": dict(add_attention=False),
    "resampling_blocks": RESNET_BLOCKS,
    "resampling_blocks_with_attention": dict(downsample_type="resnet", upsample_type="resnet", **{
        **RESNET_BLOCKS, "down_block_types": ("AttnDownBlock2D", "AttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D")}),
    "scale_shift_in_resampling_blocks": dict(resnet_time_scale_shift="scale_shift", **RESNET_BLOCKS),
    "learned_times": dict(time_embedding_type="learned", num_train_timesteps=50),
    "time_embedding_dim": dict(time_embedding_dim=20),
    "classes": dict(num_class_embeds=5),
    "learned_variance": dict(out_channels=6),
    "attention_on_one_way": dict(
        down_block_types=("AttnDownBlock2D", "DownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D")
    ),
    "one_level": dict(down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",), block_out_channels=(16,)),
    "one_channel_wide_image": dict(in_channels=1, out_channels=1, sample_size=(8, 12), layers_per_block=1),
}
GOOGLE = dict(block_out_channels=(128, 256, 256, 256), norm_num_groups=32, sample_size=32,
              down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
              up_block_types=("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"))
LARGE = {
    "google/ddpm-cifar10-32": GOOGLE,
    "google/ddpm-church-256": {
        **GOOGLE, "sample_size": 256, "block_out_channels": (128, 128, 256, 256, 512, 512),
        "down_block_types": ("DownBlock2D",) * 4 + ("AttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "AttnUpBlock2D") + ("UpBlock2D",) * 4},
}


def randomise(network, seed):
    """Weights of a layer that keeps the size of its input; scales around 1 and shifts that are not 0."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, value in network.named_parameters():
            noise = torch.randn(value.shape, generator=generator)
            if value.dim() > 1:
                value.copy_(noise / value[0].numel() ** 0.5)
            else:
                value.copy_(0.3 * noise + (1.0 if name.endswith("weight") else 0.0))


def save(folder, options, seed):
    network = UNet2DModel(**{**PAPER, **options})
    randomise(network, seed)
    learned = network.config.out_channels != network.config.in_channels
    scheduler = DDPMScheduler(
        num_train_timesteps=options.get("num_train_timesteps", 1000),
        variance_type="learned_range" if learned else "fixed_small",
    )
    DDPMPipeline(network, scheduler).save_pretrained(folder)


def run_one(program, folder, name, options, batches, tolerance, external):
    checkpoint = folder / name.replace("/", "_")
    save(checkpoint, options, seed=len(name))
    path = checkpoint / "network.onnx"
    command = [program, "export", "--checkpoint", checkpoint, "--out", path, "--format", "onnx"]
    subprocess.run(command + ["--external-data"] * external, check=True, stdout=subprocess.DEVNULL)
    return check.report(name + " (external data)" * external, check.check(checkpoint, path, "ema", batches), tolerance)


def run_all(program, folder, arguments):
    jobs = [(name, options, (1, 4, 7), False) for name, options in SMALL.items()]
    jobs.append(("paper_beside", {}, (1, 4), True))
    if arguments.large:
        jobs += [(name, options, (1, 2) if "32" in name else (1,), False) for name, options in LARGE.items()]
    bad = [
        name
        for name, options, batches, external in jobs
        if (not arguments.only or arguments.only in name)
        and not run_one(program, folder, name, options, batches, arguments.tolerance, external)
    ]
    print("above the tolerance: " + ", ".join(bad) if bad else "all within the tolerance")
    return 1 if bad else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("ddpm", type=pathlib.Path)
    parser.add_argument("--keep", type=pathlib.Path, help="where the networks and files stay")
    parser.add_argument("--only", default="", help="networks whose name has this in it")
    parser.add_argument("--large", action="store_true")
    parser.add_argument("--tolerance", type=float, default=1e-5)
    arguments = parser.parse_args()
    program = arguments.ddpm.resolve()
    if arguments.keep:
        return run_all(program, arguments.keep, arguments)
    with tempfile.TemporaryDirectory() as folder:
        return run_all(program, pathlib.Path(folder), arguments)


if __name__ == "__main__":
    sys.exit(main())
