#!/usr/bin/env python3
"""Prints the SHA-256 of a wide set of outputs, for a change that must leave every number as it was.

    tests/same_bytes/record.py build/release FOLDER [PATH,PATH,..] > before   # FOLDER is new; keep or remove it
    .. change, build, move FOLDER away ..
    tests/same_bytes/record.py build/release FOLDER [PATH,PATH,..] > after
    diff before after

FOLDER has one name for both records, since a run keeps the absolute path of its data. PATH is a CPU path as
`ddpm info` lists them (portable alone if none is given).

The outputs: predictions of all golden networks by the engine on every CPU path and by LibTorch; samples by every sampler,
precision and parity; weights of short trainings with every objective; evaluations; pictures; exports. One thread each.
"""

import hashlib
import json
import math
import os
import pathlib
import random
import struct
import subprocess
import sys
import zlib

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "golden" / "unet"
SCHEDULER = {
    "_class_name": "DDPMScheduler",
    "_diffusers_version": "0.42.1",
    "num_train_timesteps": 1000,
    "beta_schedule": "linear",
    "beta_start": 0.0001,
    "beta_end": 0.02,
    "prediction_type": "epsilon",
    "variance_type": "fixed_small",
    "clip_sample": True,
}
INDEX = {
    "_class_name": "DDPMPipeline",
    "_diffusers_version": "0.42.1",
    "scheduler": ["diffusers", "DDPMScheduler"],
    "unet": ["diffusers", "UNet2DModel"],
}
SAMPLERS = ["ddpm", "ddim", "dpmpp_1s", "dpmpp_2s", "dpmpp_2m", "dpmpp_2m_sde", "pndm", "plms", "euler", "heun"]
SPACINGS = ["trailing", "leading", "linspace", "dpm_linspace", "dpm_leading", "quadratic", "karras"]
WITH_TIMES = ["lock", "loss.png", "manifest.json", "state.json"]  # of a run, beside its log
RUNS = {
    "simple": [],
    "v": "--prediction v --schedule cosine --loss-weight min_snr --zero-terminal-snr",
    "x0": "--prediction x0 --schedule sigmoid --loss-weight truncated_snr --error huber --ema-rule constant",
    "mean": "--prediction mean --loss bound --variance fixed_small --timestep-sampling uniform",
    "learned": "--variance learned_range --loss hybrid --schedule cosine --flip",
    "log_variance": "--variance learned --loss bound --timestep-sampling importance",
    "p2": "--loss-weight p2 --error absolute --gradient-clip 0.1",
    "snr": "--learning-rate-decay cosine --prediction v --loss-weight snr --timestep-sampling importance --dropout 0",
    "variational": "--loss-weight variational --schedule quadratic --T 100 --attention-resolutions 8,4",
    "bf16": "--precision bf16 --seed 5",
}


class Record:
    def __init__(self, programs, folder):
        self.programs = pathlib.Path(programs).resolve()
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True)

    def run(self, words, cpu=None, program="ddpm"):
        environment = dict(os.environ, OMP_WAIT_POLICY="PASSIVE")
        environment.pop("DDPM_CPU", None)
        if cpu:
            environment["DDPM_CPU"] = cpu
        words = [str(word) for word in words]
        done = subprocess.run(
            [str(self.programs / program), *words], cwd=self.folder, env=environment, capture_output=True, text=True
        )
        if done.returncode != 0:
            print(f"error  {' '.join(words)}: {done.stderr.strip()}")
        return done

    def digest(self, *names):
        """Prints the sums of files, and of the files in folders but those that contain times of day or of work."""
        for name in names:
            path = self.folder / name
            files = sorted(path.rglob("*")) if path.is_dir() else [path]
            for file in files:
                if file.is_file() and file.suffix != ".jsonl" and file.name not in WITH_TIMES:
                    print(hashlib.sha256(file.read_bytes()).hexdigest(), "", file.relative_to(self.folder), flush=True)


def write_png(path, side, channels, numbers):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b""
    phase = [numbers.uniform(0, 6) for _ in range(channels)]
    for y in range(side):
        values = [int(127 + 90 * math.sin(0.7 * x + 0.4 * y + p)) for x in range(side) for p in phase]
        rows += b"\0" + bytes(values)
    header = struct.pack(">IIBBBBB", side, side, 8, 2 if channels == 3 else 0, 0, 0, 0)
    parts = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + parts)


def make_images(folder, count, side, channels):
    folder.mkdir()
    numbers = random.Random(folder.name)
    for i in range(count):
        write_png(folder / f"{i:03}.png", side, channels, numbers)


def safetensors(shapes):
    """Weights of the size that keeps a signal's variance, each from its name."""
    header, body = {}, b""
    for name, shape in shapes.items():
        numbers = random.Random(name)
        count = math.prod(shape)
        scale = 1 / math.sqrt(max(1, math.prod(shape[1:])))
        center = 1.0 if len(shape) == 1 and name.endswith("weight") else 0.0
        data = struct.pack(f"<{count}f", *(center + scale * numbers.uniform(-1, 1) for _ in range(count)))
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text + body


def npy(dtype, shape, data):
    header = f"{{'descr': '{dtype}', 'fortran_order': False, 'shape': {tuple(shape)}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\0" + struct.pack("<H", len(header)) + header.encode() + data


class Golden:
    """One of the golden networks as a diffusers folder, with an input for it."""

    def __init__(self, file, folder):
        description = json.loads(file.read_text())
        self.name = file.stem
        self.folder = pathlib.Path("golden") / self.name
        self.config = description["config"]
        place = folder / self.folder
        (place / "unet").mkdir(parents=True)
        (place / "scheduler").mkdir()
        (place / "unet" / "config.json").write_text(json.dumps(self.config))
        (place / "unet" / "diffusion_pytorch_model.safetensors").write_bytes(safetensors(description["parameters"]))
        channels = self.config["in_channels"]
        doubled = self.config["out_channels"] == 2 * channels
        variance = {"variance_type": "learned_range"} if doubled else {}
        times = {"num_train_timesteps": 60} if self.name == "learned_times" else {}
        (place / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER | variance | times))
        (place / "model_index.json").write_text(json.dumps(INDEX))
        size = self.config["sample_size"]
        self.size = size if isinstance(size, list) else [size, size]
        shape = [3, channels, *self.size]
        numbers = random.Random(self.name)
        count = math.prod(shape)
        (place / "x.npy").write_bytes(
            npy("<f4", shape, struct.pack(f"<{count}f", *(numbers.gauss(0, 1) for _ in range(count))))
        )
        (place / "t.npy").write_bytes(npy("<i8", [3], struct.pack("<3q", 59, 30, 1)))
        self.has_classes = description["labels"] is not None
        self.label = ["--class", "1"] if self.has_classes else []

    def model(self):
        return ["--checkpoint", self.folder, "--threads", "1", *self.label]


def record_golden(record, golden, paths):
    def predict(name, *more, cpu=None):
        output = f"{golden.folder}/{name}.npy"
        inputs = ["--input", golden.folder / "x.npy", "--timesteps", golden.folder / "t.npy", "--output", output]
        record.run(["predict", *golden.model(), *inputs, *more], cpu)
        record.digest(output)

    for path in paths:
        for precision in ("fp32", "bf16"):
            predict(f"{path}_{precision}", "--precision", precision, cpu=path)
    for precision in ("fp32", "bf16"):
        predict(f"libtorch_{precision}", "--executor", "libtorch", "--precision", precision)
    if golden.config["in_channels"] in (1, 3):
        words = ["--count", 3, "--sampler", "ddim", "--steps", 5, "--batch-size", 2]
        record.run(["sample", *golden.model(), "--out", golden.folder / "samples", *words])
        record.digest(golden.folder / "samples")
    for kind, out in (("onnx", "network.onnx"), ("diffusers", "export")):
        out = golden.folder / out
        record.run(["export", "--checkpoint", golden.folder, "--format", kind, "--out", out])
        record.digest(out)
    if not golden.has_classes and golden.config["in_channels"] in (1, 3):
        train_golden(record, golden)


def train_golden(record, golden):
    height, width = golden.size
    data = "gray" if golden.config["in_channels"] == 1 else "color"
    doubled = golden.config["out_channels"] == 2 * golden.config["in_channels"]
    words = ["train", "--preset", "tiny", "--network", golden.folder / "unet" / "config.json", "--data", data]
    words += ["--fit", "stretch", "--image-size", f"{height}x{width}", "--steps", 3, "--batch-size", 4]
    words += ["--threads", 1, "--dropout", 0.1, "--sample-count", 2, "--sample-steps", 4]
    words += ["--variance", "learned_range", "--loss", "hybrid"] if doubled else []
    out = golden.folder / "run"
    record.run([*words, "--out", out])
    record.digest(out / "checkpoints", out / "samples", out / "config.json")


def record_runs(record):
    for name, words in RUNS.items():
        out = pathlib.Path("runs") / name
        words = words.split() if words else []
        common = ["--preset", "tiny", "--data", "color", "--steps", 6, "--batch-size", 5, "--threads", 1]
        record.run(["train", *common, *words, "--save-every", 4, "--sample-every", 4, "--out", out])
        if "--learning-rate-decay" not in words:
            record.run(["train", "--resume", out, "--steps", 9])
        record.digest(out / "checkpoints", out / "samples", out / "config.json")
        sample = ["sample", "--checkpoint", out, "--count", 3, "--steps", 6, "--threads", 1]
        for weights in ("ema", "raw"):
            record.run([*sample, "--weights", weights, "--out", out / weights])
            record.digest(out / weights)
        evaluate(record, name, out)


def evaluate(record, name, run):
    common = ["--checkpoint", run, "--data", "color", "--images", 3, "--threads", 1]
    record.run(["evaluate", "bpd", *common, "--times", "respaced:8", "--out", run / "bpd"])
    record.run(["evaluate", "bpd", *common, "--times", "sampled:8", "--cdf", "tanh", "--out", run / "tanh"])
    record.run(["evaluate", "ode", *common, "--steps", 4, "--out", run / "ode"])
    record.run(["evaluate", "rate-distortion", *common, "--out", run / "rate"])
    record.digest(run / "bpd", run / "tanh", run / "ode", run / "rate")


def record_samplers(record, paths):
    def sample(name, *more, cpu=None):
        out = pathlib.Path("samples") / name
        base = ["sample", "--checkpoint", "runs/simple", "--count", 3, "--threads", 1, "--batch-size", 2, "--out", out]
        record.run([*base, *more], cpu)
        record.digest(out)

    for sampler in SAMPLERS:
        for precision in ("fp32", "bf16"):
            for path in paths:
                steps = ["--sampler", sampler, "--steps", 7, "--precision", precision]
                sample(f"{sampler}_{precision}_{path}", *steps, cpu=path)
        sample(f"{sampler}_libtorch", "--sampler", sampler, "--steps", 7, "--executor", "libtorch")
    for spacing in SPACINGS:
        for sampler in ("ddim", "dpmpp_2m", "heun"):
            sample(f"{sampler}_{spacing}", "--sampler", sampler, "--steps", 9, "--spacing", spacing)
    for parity in ("diffusers", "official-tf", "improved-diffusion"):
        for sampler in ("ddpm", "ddim"):
            sample(f"{sampler}_{parity}", "--parity", parity, "--sampler", sampler, "--steps", 9)
    for rng in ("diffusers", "diffusers-per-image"):
        sample(f"rng_{rng}", "--rng", rng, "--sampler", "ddim", "--steps", 4, "--eta", 1)
    sample("all_steps", "--sampler", "ddpm")
    sample("churned", "--sampler", "euler", "--churn", 5, "--steps", 8)
    sample("thresholded", "--threshold-quantile", 0.99, "--threshold-max", 2, "--sampler", "ddim", "--steps", 8)
    sample("raw_eps", "--raw-eps", "--sampler", "ddim", "--steps", 8, "--npz", "samples/raw.npz")
    record.digest("samples/raw.npz")


def record_pictures(record):
    def picture(command, *more):
        out = f"{command}.png"
        words = [command, "--checkpoint", "runs/simple", "--out", out, "--threads", 1, "--single", command]
        record.run([*words, *more])
        record.digest(out, command)

    picture("progressive", "--count", 2, "--steps", 12, "--sampler", "ddim")
    picture("family", "--count", 3)
    picture("interpolate", "--data", "color", "--images", "0,1", "--at", "9,18", "--sampler", "ddim", "--steps", 9)
    picture("reconstruct", "--data", "color", "--images", "0,1", "--at", "6,18", "--csv", "reconstruct.csv")
    picture("inpaint", "--data", "color", "--images", "0", "--fill", "right", "--sampler", "ddim", "--steps", 9)
    record.digest("reconstruct.csv")
    record.run(["schedule", "--schedule", "cosine", "--out", "schedule.png", "--csv", "schedule.csv"])
    record.digest("schedule.png", "schedule.csv")


def main():
    record = Record(*sys.argv[1:3])
    make_images(record.folder / "color", 12, 8, 3)
    make_images(record.folder / "gray", 12, 8, 1)
    paths = sys.argv[3].split(",") if len(sys.argv) > 3 else ["portable"]
    for file in sorted(GOLDEN.glob("*.json")):
        record_golden(record, Golden(file, record.folder), paths)
    record_runs(record)
    record_samplers(record, paths)
    record_pictures(record)


if __name__ == "__main__":
    main()
