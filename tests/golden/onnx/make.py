#!/usr/bin/env python3
"""Writes networks.json and tiny.onnx, as they lie here: what diffusers and the package onnx say. See README.md."""

import json
import pathlib

import numpy as np
import onnx
import torch
from diffusers import UNet2DModel

HERE = pathlib.Path(__file__).parent
INPUT = 1_000_000  # the number of the first value of x


def uniform(first, count):
    """Numbers in [-1, 1) that are a function of their index alone, the same bits in any language."""
    x = np.arange(first, first + count, dtype=np.uint64)
    for shift, factor in [(16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)]:
        x = ((x ^ (x >> np.uint64(shift))) * np.uint64(factor)) & np.uint64(0xFFFFFFFF)
    return x.astype(np.float64) / 2**31 - 1.0


def fill(network):
    """Every parameter, in the order of their names."""
    first = 1
    for name, value in sorted(network.state_dict().items()):
        u = uniform(first, value.numel()).reshape(value.shape)
        first += value.numel()
        if value.dim() > 1:
            u = u * np.sqrt(3.0 / (value.numel() // value.shape[0]))
        else:
            u = 0.5 * u + (1.0 if name.endswith("weight") else 0.0)
        value.copy_(torch.from_numpy(u.astype(np.float32)))


BASE = dict(
    sample_size=4, in_channels=1, out_channels=1, freq_shift=1, flip_sin_to_cos=False, block_out_channels=(4, 8),
    down_block_types=("DownBlock2D", "AttnDownBlock2D"), up_block_types=("AttnUpBlock2D", "UpBlock2D"),
    layers_per_block=1, downsample_padding=0, attention_head_dim=None, norm_num_groups=2, norm_eps=0.05)
IN_BLOCKS = dict(
    sample_size=(4, 8), block_out_channels=(4, 6, 8),
    down_block_types=("ResnetDownsampleBlock2D", "AttnDownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"))
NETWORKS = {
    "paper": dict(in_channels=3, out_channels=3, layers_per_block=2),
    "defaults of diffusers": dict(
        attention_head_dim=2, freq_shift=0, flip_sin_to_cos=True, downsample_padding=1, center_input_sample=True),
    "heads with a rest": dict(attention_head_dim=3, out_channels=2),
    "resampling in blocks": IN_BLOCKS,
    "resampling in blocks, scale and shift": dict(
        resnet_time_scale_shift="scale_shift", downsample_type="resnet", upsample_type="resnet", **IN_BLOCKS),
    "groups of the middle, scale of the middle": dict(
        resnet_time_scale_shift="scale_shift", attn_norm_num_groups=4, mid_block_scale_factor=1.75),
    "no attention in the middle, one way": dict(
        add_attention=False, up_block_types=("UpBlock2D", "AttnUpBlock2D"), time_embedding_dim=6),
    "classes and a table of times": dict(
        num_class_embeds=5, time_embedding_type="learned", num_train_timesteps=1000),
    "one level": dict(block_out_channels=(8,), down_block_types=("DownBlock2D",), up_block_types=("UpBlock2D",)),
}


def answer(name, options):
    network = UNet2DModel(**{**BASE, **options}).eval()
    fill(network)
    network = network.double()
    size = network.config.sample_size
    height, width = (size, size) if isinstance(size, int) else size
    shape = [2, network.config.in_channels, height, width]
    x = torch.from_numpy((1.5 * uniform(INPUT, int(np.prod(shape)))).astype(np.float32)).reshape(shape)
    timesteps = [3, 998]
    labels = [4, 1] if network.config.num_class_embeds else []
    with torch.no_grad():
        y = network(x.double(), torch.tensor(timesteps), class_labels=torch.tensor(labels) if labels else None).sample
    config = json.loads(network.to_json_string())
    return {"name": name, "config": config, "timesteps": timesteps, "class_labels": labels,
            "output": [float(f"{value:.9g}") for value in y.flatten().tolist()]}


def tiny():
    """One of everything that the writer can write: y = Conv(x, w) and z = Split(y), with all kinds of attributes."""
    helper, Type = onnx.helper, onnx.TensorProto
    w = onnx.numpy_helper.from_array(np.array([1.5, -2.0], np.float32).reshape(2, 1, 1, 1), "w")
    s = onnx.numpy_helper.from_array(np.array([1, 300], np.int64), "s")
    conv = helper.make_node("Conv", ["x", "w"], ["y"], name="conv", kernel_shape=[1, 1], group=1)
    elu = helper.make_node("Elu", ["y"], ["e"], name="elu", alpha=0.5)
    resize = helper.make_node("Resize", ["e", "", "s"], ["a", "b"], name="resize", mode="nearest")
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        [conv, elu, resize], "tiny", [value("x", Type.FLOAT, ["N", 1, 3, 400], doc_string="an image")],
        [value("a", Type.FLOAT, ["N"]), value("b", Type.INT64, [])], [w, s], doc_string="a graph")
    model = onnx.ModelProto(ir_version=7, producer_name="ddpm", producer_version="VERSION", doc_string="a model", graph=graph)
    model.opset_import.add(version=13)
    for key, text in [("key", "value"), ("other", "")]:
        model.metadata_props.add(key=key, value=text)
    return model.SerializeToString()


if __name__ == "__main__":
    networks = [answer(name, options) for name, options in NETWORKS.items()]
    lines = ",\n".join(json.dumps(network, sort_keys=True) for network in networks)
    (HERE / "networks.json").write_text("[\n" + lines + "\n]\n")
    (HERE / "tiny.onnx").write_bytes(tiny())
