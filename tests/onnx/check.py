#!/usr/bin/env python3
"""Compares an exported .onnx, run by onnxruntime, with diffusers' UNet2DModel of the same checkpoint.

    check.py CHECKPOINT FILE.onnx [--weights ema|raw] [--batches 1,3] [--tolerance 1e-5]

CHECKPOINT is a folder in diffusers' layout (a checkpoint of ours is one). Prints the largest deviations over all batches,
relative to the largest value of the output: from diffusers in float32, from diffusers in float64, and of these two from
each other. Exit code 1 if one of the first two is above the tolerance, or the file is no valid ONNX.

Needs the packages onnx, onnxruntime, torch, diffusers and safetensors. No test runs this.
"""

import argparse
import json
import pathlib
import sys

import numpy as np
import onnx
import onnxruntime
import torch
from diffusers import UNet2DModel
from safetensors.torch import load_file

SEED = 7


def open_network(checkpoint, weights):
    network = UNet2DModel.from_pretrained(checkpoint / "unet", low_cpu_mem_usage=False).eval()
    if weights == "raw":
        network.load_state_dict(load_file(checkpoint / "training" / "raw.safetensors"))
    return network


def times_of(checkpoint, count):
    """Timesteps that begin with the first and the last one, and are mixed in a batch."""
    T = json.loads((checkpoint / "scheduler" / "scheduler_config.json").read_text())["num_train_timesteps"]
    generator = np.random.default_rng(SEED)
    return np.concatenate([[0, T - 1, 1, T // 2], generator.integers(0, T, count)])[:count].astype(np.int64)


def open_session(path):
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def check_shapes(session, network):
    size = network.config.sample_size
    height, width = (size, size) if isinstance(size, int) else size
    wanted = {
        "sample": ["N", network.config.in_channels, height, width],
        "timestep": ["N"],
        "out_sample": ["N", network.config.out_channels, height, width],
    }
    if network.config.num_class_embeds is not None:
        wanted["class_labels"] = ["N"]
    got = {value.name: value.shape for value in [*session.get_inputs(), *session.get_outputs()]}
    if got != wanted:
        sys.exit(f"check.py: inputs and outputs: wanted {wanted}, got {got}")
    return [network.config.in_channels, height, width]


def check_parameters(path, network):
    """Every parameter is there, bit for bit, under its name."""
    model = onnx.load(str(path))
    found = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    for name, value in network.state_dict().items():
        if name not in found or not np.array_equal(found[name], value.numpy()):
            sys.exit(f"check.py: the initializer {name} is not the parameter of the checkpoint")


def deviation(y, reference):
    return float(np.abs(y.astype(np.float64) - reference).max() / np.abs(reference).max())


def compare(session, network, checkpoint, image, batches):
    generator = np.random.default_rng(SEED)
    wide = UNet2DModel.from_config(network.config).eval().double()
    wide.load_state_dict({name: value.double() for name, value in network.state_dict().items()})
    worst = {"float32": 0.0, "float64": 0.0, "between": 0.0}
    for count in batches:
        x = generator.standard_normal([count, *image]).astype(np.float32)
        given = {"sample": x, "timestep": times_of(checkpoint, count)}
        labels = None
        if network.config.num_class_embeds is not None:
            given["class_labels"] = generator.integers(0, network.config.num_class_embeds, count)
            labels = torch.from_numpy(given["class_labels"])
        y = session.run(["out_sample"], given)[0]
        t = torch.from_numpy(given["timestep"])
        with torch.no_grad():
            y32 = network(torch.from_numpy(x), t, class_labels=labels).sample.numpy()
            y64 = wide(torch.from_numpy(x).double(), t, class_labels=labels).sample.numpy()
        for key, one, other in [("float32", y, y32), ("float64", y, y64), ("between", y32, y64)]:
            worst[key] = max(worst[key], deviation(one, other))
    return worst


def check(checkpoint, path, weights="ema", batches=(1, 4, 7)):
    """The three deviations; exits with a message for a file that is wrong before it is run."""
    onnx.checker.check_model(str(path), full_check=True)
    network = open_network(checkpoint, weights)
    session = open_session(path)
    image = check_shapes(session, network)
    check_parameters(path, network)
    return compare(session, network, checkpoint, image, batches)


def report(name, worst, tolerance):
    good = worst["float32"] <= tolerance and worst["float64"] <= tolerance
    print(
        f"{name}: {worst['float32']:.1e} from diffusers in float32, {worst['float64']:.1e} in float64"
        f" ({worst['between']:.1e} between these)" + ("" if good else f": above {tolerance:g}"),
        flush=True,
    )
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("checkpoint", type=pathlib.Path)
    parser.add_argument("onnx", type=pathlib.Path)
    parser.add_argument("--weights", choices=["ema", "raw"], default="ema")
    parser.add_argument("--batches", default="1,4,7", help="numbers of images")
    parser.add_argument("--tolerance", type=float, default=1e-5, help="relative to the largest value")
    arguments = parser.parse_args()
    batches = [int(word) for word in arguments.batches.split(",")]
    worst = check(arguments.checkpoint, arguments.onnx, arguments.weights, batches)
    return 0 if report(arguments.onnx.name, worst, arguments.tolerance) else 1


if __name__ == "__main__":
    sys.exit(main())
