#!/usr/bin/env python3
"""What diffusers' UNet2DModel answers, in float64, for small networks that cover each option.

    pip install diffusers==0.42.1 torch && tests/golden/unet/make.py

writes one file a network beside this script: its config.json, the times (and labels), the names and
shapes of its parameters, a few values and two sums of what each block gave, and the whole output.

No parameter is stored: both sides compute them, as they do the images, by one formula from a name and
an index, see `numbers` below; models/golden_test.cc has the other side.
"""

import json
import math
import pathlib
import sys

import diffusers
import numpy as np
import torch

HERE = pathlib.Path(__file__).resolve().parent
SHOWN = 6  # values of each activation that are stored: the first, the last, evenly between

# What the google/ddpm-* networks have, in small; each case below changes some of it.
PAPER = dict(
    sample_size=8,
    in_channels=3,
    out_channels=3,
    block_out_channels=[8, 16],
    down_block_types=["DownBlock2D", "AttnDownBlock2D"],
    up_block_types=["AttnUpBlock2D", "UpBlock2D"],
    layers_per_block=1,
    norm_num_groups=4,
    norm_eps=1e-6,
    attention_head_dim=None,
    freq_shift=1,
    flip_sin_to_cos=False,
    downsample_padding=0,
)

RESNET = dict(
    down_block_types=["ResnetDownsampleBlock2D", "AttnDownBlock2D"],
    up_block_types=["AttnUpBlock2D", "ResnetUpsampleBlock2D"],
)
ATTENTION_FIRST = dict(
    down_block_types=["AttnDownBlock2D", "DownBlock2D"], up_block_types=["AttnUpBlock2D", "AttnUpBlock2D"]
)

CASES = {
    "paper": dict(
        block_out_channels=[32, 64, 64],
        norm_num_groups=32,
        layers_per_block=2,
        down_block_types=["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"],
    ),
    "constructor_defaults": dict(
        block_out_channels=[16, 32],
        norm_num_groups=8,
        norm_eps=1e-5,
        attention_head_dim=8,
        freq_shift=0,
        flip_sin_to_cos=True,
        downsample_padding=1,
        layers_per_block=2,
    ),
    "heads": dict(attention_head_dim=4),
    "heads_with_a_rest": dict(block_out_channels=[12, 20], attention_head_dim=8, **ATTENTION_FIRST),
    "one_channel_a_head": dict(attention_head_dim=1),
    "scale_shift": dict(resnet_time_scale_shift="scale_shift"),
    "scale_shift_and_middle_groups": dict(resnet_time_scale_shift="scale_shift", attn_norm_num_groups=2),
    "middle_groups": dict(attn_norm_num_groups=8),
    "no_middle_attention": dict(add_attention=False),
    "middle_scale": dict(mid_block_scale_factor=math.sqrt(2.0)),
    "center_input": dict(center_input_sample=True),
    "padding_all_round": dict(downsample_padding=1),
    "cosine_first": dict(flip_sin_to_cos=True),
    "frequency_shift_0": dict(freq_shift=0),
    "frequency_shift_2": dict(freq_shift=2, block_out_channels=[12, 16]),
    "epsilon": dict(norm_eps=1e-3),
    "time_channels": dict(time_embedding_dim=20),
    "learned_times": dict(time_embedding_type="learned", num_train_timesteps=60),
    "classes": dict(num_class_embeds=10),
    "resampling_blocks": dict(RESNET),
    "resampling_behind_attention": dict(downsample_type="resnet", upsample_type="resnet", **ATTENTION_FIRST),
    "not_mirrored": dict(
        block_out_channels=[12, 20, 28],
        sample_size=[8, 12],
        down_block_types=["AttnDownBlock2D", "ResnetDownsampleBlock2D", "DownBlock2D"],
        up_block_types=["UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"],
        attention_head_dim=6,
        downsample_padding=1,
    ),
    "not_square_gray": dict(sample_size=[4, 10], in_channels=1, out_channels=1),
    "four_channels": dict(in_channels=4, out_channels=4),
    "learned_variance": dict(out_channels=6),
    "one_level": dict(
        block_out_channels=[16], layers_per_block=3, down_block_types=["AttnDownBlock2D"], up_block_types=["UpBlock2D"]
    ),
    "everything": dict(
        block_out_channels=[20, 12, 28],
        sample_size=[12, 8],
        in_channels=2,
        out_channels=4,
        layers_per_block=2,
        down_block_types=["AttnDownBlock2D", "DownBlock2D", "AttnDownBlock2D"],
        up_block_types=["UpBlock2D", "AttnUpBlock2D", "ResnetUpsampleBlock2D"],
        downsample_type="resnet",
        upsample_type="resnet",
        downsample_padding=1,
        attention_head_dim=5,
        attn_norm_num_groups=7,
        norm_eps=1e-5,
        resnet_time_scale_shift="scale_shift",
        mid_block_scale_factor=1.5,
        center_input_sample=True,
        time_embedding_dim=36,
        time_embedding_type="learned",
        num_train_timesteps=1000,
        num_class_embeds=7,
    ),
}


def numbers(name, count):
    """count numbers in [-1, 1), multiples of 2^-23, as random as a hash of 32 bits.

    The name's FNV-1a, xor the index times 2654435769, through the last mixing of MurmurHash3; its upper
    24 bits are the number.
    """
    start = 2166136261
    for byte in name.encode():
        start = (start ^ byte) * 16777619 % 2**32
    h = np.arange(count, dtype=np.uint64) * 2654435769 % 2**32 ^ start
    h ^= h >> 16
    h = h * 0x85EBCA6B % 2**32
    h ^= h >> 13
    h = h * 0xC2B2AE35 % 2**32
    h ^= h >> 16
    return (h >> 8).astype(np.float64) * 2.0**-23 - 1.0


def parameter(name, shape):
    """The weights of a norm are around 1, tables in [-1, 1), biases in [-1/4, 1/4), other weights of variance
    1 / fan-in; computed in float64, rounded to float32 once."""
    v = numbers(name, math.prod(shape))
    if name in ("time_proj.weight", "class_embedding.weight"):
        pass
    elif len(shape) > 1:
        v = v * math.sqrt(3.0 / math.prod(shape[1:]))
    else:
        v = v * 0.25 + (1.0 if name.endswith(".weight") else 0.0)
    return torch.from_numpy(v.astype(np.float32).reshape(shape)).double()


def observed(model, activations):
    def note(name):
        def hook(_module, _inputs, output):
            activations[name] = output[0] if isinstance(output, tuple) else output

        return hook

    parts = {"conv_in": model.conv_in, "mid_block": model.mid_block, "conv_norm_out": model.conv_norm_out}
    parts |= {f"down_blocks.{i}": block for i, block in enumerate(model.down_blocks)}
    parts |= {f"up_blocks.{i}": block for i, block in enumerate(model.up_blocks)}
    for name, module in parts.items():
        module.register_forward_hook(note(name))


def summary(tensor):
    flat = tensor.flatten()
    where = [i * (flat.numel() - 1) // (SHOWN - 1) for i in range(SHOWN)]
    return {
        "shape": list(tensor.shape),
        "sum": flat.sum().item(),
        "abs_sum": flat.abs().sum().item(),
        "largest": flat.abs().max().item(),
        "values": [[i, flat[i].item()] for i in where],
    }


def make(name, changes):
    model = diffusers.UNet2DModel(**{**PAPER, **changes}).double().eval()
    parameters = {key: list(value.shape) for key, value in model.named_parameters()}
    model.load_state_dict({key: parameter(key, shape) for key, shape in parameters.items()})
    config = json.loads(model.to_json_string())
    size = config["sample_size"]
    shape = [2, config["in_channels"]] + (size if isinstance(size, list) else [size, size])
    x = torch.from_numpy((2.0 * numbers("x", math.prod(shape))).reshape(shape))
    timesteps = [7, (config["num_train_timesteps"] or 1000) - 1]
    labels = [config["num_class_embeds"] - 1, 3] if config["num_class_embeds"] else None
    activations = {}
    observed(model, activations)
    with torch.no_grad():
        output = model(
            x, torch.tensor(timesteps), class_labels=None if labels is None else torch.tensor(labels)
        ).sample
    return {
        "made_by": f"diffusers {diffusers.__version__}, torch {torch.__version__}, float64",
        "config": config,
        "timesteps": timesteps,
        "labels": labels,
        "parameters": parameters,
        "activations": {key: summary(value) for key, value in activations.items()},
        "output": output.flatten().tolist(),
    }


def written(golden):
    """JSON with a line for each key of the first two levels."""
    lines = []
    for key, value in golden.items():
        if isinstance(value, dict):
            inner = ",\n".join(f"    {json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            lines.append(f"  {json.dumps(key)}: {{\n{inner}\n  }}")
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main():
    for name, changes in CASES.items():
        golden = make(name, changes)
        (HERE / f"{name}.json").write_text(written(golden))
        largest = max(abs(v) for v in golden["output"])
        print(f"{name}: {len(golden['parameters'])} parameters, largest output {largest:.3f}", file=sys.stderr)


if __name__ == "__main__":
    main()
