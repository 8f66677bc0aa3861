"""The networks that are timed: checkpoints with random weights, inputs, and what float64 makes of them.

    networks.py --ddpm DDPM --folder FOLDER NAME:IMAGES...

makes of each NAME a folder FOLDER/NAME with
    checkpoint/     a DDPMPipeline as diffusers saves it
    network.onnx    what `ddpm export` makes of it
    input.raw       IMAGES images of noise, float32 [N, C, H, W]
    reference.npy   the output for the first images in PyTorch's float64
    facts.json      parameters, shape of an image, timestep
Needs torch and diffusers.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
import torch
from diffusers import DDPMPipeline, DDPMScheduler

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tests" / "live_parity"))
from networks_of_others import CELEBA, CIFAR, random_network  # noqa: E402

# The network and the process of the preset fashion-mnist, as `ddpm export` describes them.
QUICKSTART = CIFAR | dict(
    sample_size=28, in_channels=1, out_channels=1, layers_per_block=1, block_out_channels=(16, 32, 64), norm_num_groups=8,
    down_block_types=("DownBlock2D", "DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D", "UpBlock2D"))
NETWORKS = {
    "quickstart": (QUICKSTART, dict(beta_schedule="squaredcos_cap_v2", prediction_type="v_prediction")),
    "cifar10": (CIFAR, {}),
    "celebahq256": (CELEBA, {}),
}
TIMESTEP = 500  # of all images, as in a sampler's step
REFERENCE_IMAGES = 2  # fewer where the input has fewer


def make(name, folder, images, ddpm):
    config, process = NETWORKS[name]
    network = random_network(config, 1)
    DDPMPipeline(network, DDPMScheduler(**process)).save_pretrained(folder / "checkpoint")
    shape = (config.get("in_channels", 3), config["sample_size"], config["sample_size"])
    x = torch.randn(images, *shape)
    x.numpy().tofile(folder / "input.raw")
    with torch.no_grad():
        reference = network.double()(x[:REFERENCE_IMAGES].double(), TIMESTEP).sample
    np.save(folder / "reference.npy", reference.numpy())
    facts = {"parameters": network.num_parameters(), "shape": shape, "timestep": TIMESTEP}
    (folder / "facts.json").write_text(json.dumps(facts))
    command = [ddpm, "export", "--checkpoint", folder / "checkpoint", "--format", "onnx", "--out", folder / "network.onnx"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    print(f"{name}: {facts['parameters']:,} parameters, images {list(shape)}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ddpm", required=True)
    parser.add_argument("--folder", type=pathlib.Path, required=True)
    parser.add_argument("networks", nargs="+", metavar="NAME:IMAGES", help="of " + ", ".join(NETWORKS))
    options = parser.parse_args()
    for word in options.networks:
        name, images = word.split(":")
        folder = options.folder / name
        folder.mkdir(parents=True)
        make(name, folder, int(images), options.ddpm)


main()
