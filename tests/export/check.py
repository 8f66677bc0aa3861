"""Holds `ddpm export` to diffusers: what is exported opens there, number for number.

    python3 tests/export/check.py --ddpm build/release/ddpm --work FOLDER [--predict NAME,NAME]

Needs torch, diffusers 0.42.1, safetensors and numpy. FOLDER is new or empty; one network of each
kind is made in it with random weights by diffusers, exported in every form, and opened again.
What is checked of each export:

  json      the three descriptions, and the index of several files, have the bytes that diffusers'
            own save_pretrained writes of what it read
  weights   each tensor has the bits of the source, rounded by torch to the dtype of the file
  shards    the tensors of each file are those that save_pretrained puts there
  opens     DDPMPipeline.from_pretrained opens the folder and samples from it, as it did before
  output    UNet2DModel, as it was opened, gives what `ddpm predict` gives, and what the source
            gives in float64: relative to the largest value
  betas     the scheduler, opened, has the betas of `ddpm schedule` in float32

--predict names the networks that `ddpm predict` is asked about, of all others it is not: all by
default, "none" for none. Exit code 0 if all of it holds.
"""

import argparse
import csv
import json
import pathlib
import shutil
import subprocess
import sys

import numpy as np
import torch
from diffusers import DDPMPipeline, DDPMScheduler, UNet2DModel
from diffusers.utils import logging
from safetensors.torch import load_file

WEIGHTS = "diffusion_pytorch_model.safetensors"
DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
LABEL = 3  # of every image, where a network has classes
TOLERANCE = 1e-5  # of an output in float32, relative to its largest value

PAPER = dict(  # the network of the paper, small
    sample_size=16, in_channels=3, out_channels=3, freq_shift=1, flip_sin_to_cos=False,
    down_block_types=("DownBlock2D", "AttnDownBlock2D"),
    up_block_types=("AttnUpBlock2D", "UpBlock2D"), block_out_channels=(32, 64),
    layers_per_block=1, downsample_padding=0, attention_head_dim=None, norm_eps=1e-6)
NETWORKS = {
    "paper": PAPER,
    "oblong": PAPER | dict(sample_size=(16, 32), in_channels=1, out_channels=1, dropout=0.1),
    "learned_range": PAPER | dict(out_channels=6),
    "defaults": dict(  # diffusers' own: heads, padding, cosines first
        sample_size=(16, 16), block_out_channels=(32, 64),
        down_block_types=("DownBlock2D", "AttnDownBlock2D"),
        up_block_types=("AttnUpBlock2D", "UpBlock2D")),
    "scale_shift": PAPER | dict(
        resnet_time_scale_shift="scale_shift", attn_norm_num_groups=16, attention_head_dim=16,
        downsample_type="resnet", upsample_type="resnet", mid_block_scale_factor=1.5,
        time_embedding_dim=48, center_input_sample=True, norm_num_groups=16),
    "resnet_blocks": PAPER | dict(
        down_block_types=("ResnetDownsampleBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "ResnetUpsampleBlock2D"), add_attention=False),
    "learned_times": PAPER | dict(time_embedding_type="learned", num_train_timesteps=1000),
    "classes": PAPER | dict(num_class_embeds=5),
}
LEGACY = {"paper", "defaults"}  # what the first releases could describe
UNLABELLED = set(NETWORKS) - {"classes"}
# schedules that diffusers has no word for, and some that it has
TRAINED = ["linear", "cosine", "warmup10", "constant", "jsd", "sigmoid_alpha_bar", "exponential"]

logging.set_verbosity_error()
logging.disable_progress_bar()
failures = []


def expect(holds, what):
    if not holds:
        failures.append(what)
        print("FAILED", what)


class Program:
    def __init__(self, path):
        self.path = path

    def __call__(self, *arguments, must=True):
        done = subprocess.run([self.path, *map(str, arguments)], capture_output=True, text=True)
        if must and done.returncode != 0:
            raise SystemExit(f"{' '.join(map(str, arguments))}: {done.stderr}")
        return done


def random_network(settings, seed):
    """A UNet2DModel no parameter of which is what it began with."""
    torch.manual_seed(seed)
    unet = UNet2DModel(**settings).eval()
    with torch.no_grad():
        for parameter in unet.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.05)
    return unet


def save_source(folder, name, settings, seed):
    variance = "learned_range" if settings.get("out_channels") == 6 else "fixed_large"
    scheduler = DDPMScheduler(variance_type=variance)
    DDPMPipeline(random_network(settings, seed), scheduler).save_pretrained(folder / name)
    return folder / name


def without_path(text):
    """The JSON without the key that says where diffusers read it."""
    value = json.loads(text)
    value.pop("_name_or_path", None)
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def check_json(out, again, name, legacy):
    pipeline = DDPMPipeline.from_pretrained(out)
    pipeline.save_pretrained(again)
    if legacy:
        return pipeline
    for part in ["model_index.json", "unet/config.json", "scheduler/scheduler_config.json"]:
        ours = (out / part).read_text()
        expect(ours == without_path((again / part).read_text()), f"{name}: {part} as diffusers")
        expect("_name_or_path" not in ours, f"{name}: {part} has no path")
    made = UNet2DModel.from_config(json.loads((out / "unet/config.json").read_text()))
    expect(made.to_json_string() == (out / "unet/config.json").read_text(), f"{name}: config")
    return pipeline


def weights_of(folder):
    index = folder / (WEIGHTS + ".index.json")
    names = [WEIGHTS]
    if index.exists():
        names = sorted(set(json.loads(index.read_text())["weight_map"].values()))
    tensors = {}
    for name in names:
        tensors.update(load_file(folder / name))
    return tensors


def renamed(name):
    for old, new in [("query", "to_q"), ("key", "to_k"), ("value", "to_v"),
                     ("proj_attn", "to_out.0")]:
        name = name.replace(f".{old}.", f".{new}.")
    return name


def check_weights(source, out, dtype, name):
    wanted = weights_of(source / "unet")
    got = {renamed(key): tensor for key, tensor in weights_of(out / "unet").items()}
    expect(wanted.keys() == got.keys(), f"{name}: the same names")
    for key, tensor in got.items():
        same = tensor.dtype == dtype and torch.equal(wanted[key].to(dtype), tensor)
        expect(same, f"{name}: bits of {key}")


def check_shards(unet, out, folder, dtype, size, name):
    unet.to(dtype).save_pretrained(folder, max_shard_size=size)
    files = sorted(path.name for path in (out / "unet").glob("*.safetensors*"))
    theirs = sorted(path.name for path in folder.glob("*.safetensors*"))
    expect(files == theirs and len(files) > 2, f"{name}: the files {files}, {theirs}")
    for file in theirs:
        if file.endswith(".json"):
            expect((out / "unet" / file).read_bytes() == (folder / file).read_bytes(),
                   f"{name}: index")
        else:
            expect(load_file(out / "unet" / file).keys() == load_file(folder / file).keys(),
                   f"{name}: tensors of {file}")


def inputs_of(settings):
    size = settings["sample_size"]
    height, width = size if isinstance(size, tuple) else (size, size)
    generator = torch.Generator().manual_seed(5)
    x = torch.randn(4, settings.get("in_channels", 3), height, width, generator=generator)
    return x, torch.tensor([0, 1, 500, 999])


def output_of(unet, settings, dtype):
    x, n = inputs_of(settings)
    labels = torch.full((4,), LABEL) if settings.get("num_class_embeds") else None
    with torch.no_grad():
        return unet.to(dtype)(x.to(dtype), n, class_labels=labels).sample.double()


def relative(got, wanted):
    return ((got - wanted).abs().max() / wanted.abs().max()).item()


def predicted(program, out, settings, work):
    x, n = inputs_of(settings)
    np.save(work / "x.npy", x.numpy())
    np.save(work / "n.npy", n.numpy())
    label = ["--class", LABEL] if settings.get("num_class_embeds") else []
    done = program("predict", *label, "--checkpoint", out, "--input", work / "x.npy", "--timesteps",
                   work / "n.npy", "--output", work / "y.npy", must=False)
    if done.returncode != 0:
        return None, done.stderr.strip()
    return torch.from_numpy(np.load(work / "y.npy")).double(), ""


def sampled(pipeline):
    pipeline.set_progress_bar_config(disable=True)
    return pipeline(generator=torch.Generator().manual_seed(1), num_inference_steps=3,
                    output_type="np").images


def check_network(program, work, name, settings, seed, run_networks):
    source = save_source(work, name, settings, seed)
    exact = output_of(UNet2DModel.from_pretrained(source / "unet"), settings, torch.float64)
    forms = [("fp32", [], False), ("fp16", ["--dtype", "fp16"], False),
             ("bf16", ["--dtype", "bf16"], False),
             ("fp32", ["--max-shard-size", "60KB"], False),
             ("bf16", ["--dtype", "bf16", "--max-shard-size", "60KB"], False)]
    if name in LEGACY:
        forms += [("fp32", ["--format", "diffusers-legacy"], True),
                  ("fp16", ["--format", "diffusers-legacy", "--dtype", "fp16"], True)]
    for number, (dtype, flags, legacy) in enumerate(forms):
        what = f"{name} {' '.join(flags) or '(plain)'}"
        out = work / f"{name}-{number}"
        program("export", "--checkpoint", source, "--out", out, *flags)
        pipeline = check_json(out, work / f"{name}-{number}-again", what, legacy)
        check_weights(source, out, DTYPES[dtype], what)
        if "--max-shard-size" in flags:
            check_shards(UNet2DModel.from_pretrained(source / "unet"), out,
                         work / f"{name}-{number}-shards", DTYPES[dtype], "60KB", what)
        if name in UNLABELLED:
            image = sampled(pipeline)
            expect(np.isfinite(image).all(), f"{what}: samples")
        if dtype == "fp32" and name in UNLABELLED:
            before = sampled(DDPMPipeline.from_pretrained(source))
            expect(np.abs(image - before).max() < 1e-4, f"{what}: samples as the source")
        opened = UNet2DModel.from_pretrained(out, subfolder="unet")
        ours = relative(output_of(opened, settings, torch.float32), exact)
        narrow = UNet2DModel.from_pretrained(source / "unet").to(DTYPES[dtype]).to(torch.float32)
        rounded = relative(output_of(narrow, settings, torch.float32),
                           output_of(opened, settings, torch.float32))
        expect(rounded == 0.0, f"{what}: output of the rounded source")
        line = f"{what}: diffusers to float64 {ours:.1e}"
        if run_networks:
            y, why = predicted(program, out, settings, work)
            if y is None:
                expect(False, f"{what}: {why}")
            else:
                wanted = output_of(UNet2DModel.from_pretrained(out, subfolder="unet"), settings,
                                   torch.float64)
                apart = relative(y, output_of(opened, settings, torch.float32))
                line += f"; ddpm to diffusers {apart:.1e}, to float64 {relative(y, wanted):.1e}"
                expect(apart < TOLERANCE and relative(y, wanted) < TOLERANCE, f"{what}: predict")
        print(line)
        for path in work.glob(f"{name}-{number}*"):
            shutil.rmtree(path)


def check_google(program, work):
    """A folder as release 0.0.4 wrote it: most keys are missing, a square has two numbers."""
    source = save_source(work, "google", PAPER, 3)
    config = json.loads((source / "unet/config.json").read_text())
    for key in ["add_attention", "dropout", "class_embed_type", "mid_block_type", "_name_or_path",
                "resnet_time_scale_shift", "num_train_timesteps", "upsample_type"]:
        config.pop(key, None)
    config.update(sample_size=[16, 16], _diffusers_version="0.0.4")
    (source / "unet/config.json").write_text(json.dumps(config))
    (source / "scheduler/scheduler_config.json").write_text(json.dumps(
        {"_class_name": "DDPMScheduler", "_diffusers_version": "0.1.1", "beta_end": 0.02,
         "beta_schedule": "linear", "beta_start": 0.0001, "clip_sample": True,
         "num_train_timesteps": 1000, "trained_betas": None, "variance_type": "fixed_large"}))
    out = work / "google-out"
    program("export", "--checkpoint", source, "--out", out)
    check_json(out, work / "google-again", "google", False)
    expect(json.loads((out / "unet/config.json").read_text())["sample_size"] == [16, 16],
           "google: sample_size stays a pair")
    print("google: as diffusers saves it")


def images_for(folder):
    from PIL import Image
    folder.mkdir()
    for number in range(8):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 8), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.png")


def check_schedules(program, work):
    images_for(work / "data")
    for name in TRAINED:
        T = 50
        run, out = work / f"run-{name}", work / f"export-{name}"
        program("train", "--preset", "tiny", "--data", work / "data", "--out", run, "--steps", 1,
                "--batch-size", 1, "--schedule", name, "--T", T, "--beta-1", 0.0001,
                "--beta-T", 0.02, "--prediction", "v", "--sample-every", 0, "--sample-steps", 10)
        program("export", "--checkpoint", run, "--out", out)
        program("schedule", "--schedule", name, "--T", T, "--csv", work / "schedule.csv")
        with open(work / "schedule.csv") as file:
            betas = [float(row["beta"]) for row in csv.DictReader(file) if int(row["t"]) > 0]
        pipeline = check_json(out, work / f"again-{name}", name, False)
        theirs = pipeline.scheduler.betas.double()
        apart = relative(theirs, torch.tensor(betas, dtype=torch.float64))
        listed = pipeline.scheduler.config.trained_betas is not None
        if listed:
            same = torch.equal(pipeline.scheduler.betas, torch.tensor(betas, dtype=torch.float32))
            expect(same, f"{name}: its betas in float32")
        expect(len(betas) == T and apart < 1e-6, f"{name}: betas")
        image = sampled(pipeline)
        expect(np.isfinite(image).all(), f"{name}: samples")
        print(f"schedule {name}: {'its betas' if listed else 'a word'}, apart by {apart:.1e}")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ddpm", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path)
    parser.add_argument("--predict", default=",".join(NETWORKS))
    flags = parser.parse_args()
    flags.work.mkdir(parents=True, exist_ok=True)
    if any(flags.work.iterdir()):
        raise SystemExit(f"--work: {flags.work} is not empty")
    program = Program(flags.ddpm)
    for seed, (name, settings) in enumerate(NETWORKS.items()):
        check_network(program, flags.work, name, settings, seed, name in flags.predict.split(","))
    check_google(program, flags.work)
    check_schedules(program, flags.work)
    print(f"{len(failures)} failures")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
