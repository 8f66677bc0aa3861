"""The jobs that are interrupted: how each is started, continued and compared."""

import hashlib
import pathlib
import random
import struct
import subprocess
import zlib

IMAGES = 20
SIDE = 8


def write_png(path, pixels):
    """pixels: SIDE * SIDE * 3 bytes, RGB."""

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = b"".join(b"\0" + pixels[3 * SIDE * y : 3 * SIDE * (y + 1)] for y in range(SIDE))
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


def make_data(folder):
    folder.mkdir()
    numbers = random.Random(1)
    for i in range(IMAGES):
        write_png(folder / f"{i}.png", numbers.randbytes(3 * SIDE * SIDE))


def digests(folder, patterns):
    """SHA-256 of every file below `folder` that matches one of `patterns`, by its path."""
    files = sorted({file for pattern in patterns for file in folder.glob(pattern)})
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


class Training:
    """A tiny network, with previews, and a checkpoint every few steps."""

    name = "train"

    def __init__(self, program, data, steps=40):
        self.start_words = [program, "train", "--preset", "tiny", "--data", str(data), "--steps", str(steps)]
        self.start_words += ["--save-every", "7", "--sample-every", "16", "--log-every", "5", "--threads", "1"]
        self.program = program

    def command(self, out):
        """Continues the run of the folder `out`, or starts it."""
        if (out / "config.json").exists():
            return [self.program, "train", "--resume", str(out)]
        return self.start_words + ["--out", str(out)]

    def result(self, out):
        return digests(out, ["checkpoints/*/**/*.safetensors", "checkpoints/*/unet/*.json", "samples/*"])


class Sampling:
    """Images one after the other, a grid and an .npz of all."""

    name = "sample"

    def __init__(self, program, checkpoint, count=24):
        self.words = [program, "sample", "--checkpoint", str(checkpoint), "--count", str(count)]
        self.words += ["--batch-size", "2", "--sampler", "ddim", "--steps", "20", "--threads", "1"]

    def command(self, out):
        return self.words + ["--out", str(out), "--npz", str(out.with_suffix(".npz"))]

    def result(self, out):
        npz = out.with_suffix(".npz")
        return digests(out, ["*.png"]) | {"npz": hashlib.sha256(npz.read_bytes()).hexdigest()}


class Evaluation:
    """The variational bound, term by term."""

    name = "evaluate"

    def __init__(self, program, checkpoint, data):
        self.words = [program, "evaluate", "bpd", "--checkpoint", str(checkpoint), "--data", str(data)]
        self.words += ["--images", "0", "--batch-size", "4", "--save-every", "0", "--threads", "1"]

    def command(self, out):
        return self.words + ["--out", str(out)]

    def result(self, out):
        return digests(out, ["*"])


def differences(reference, got):
    """The files that differ, without the checkpoints of single interruptions and those that these displaced."""
    last = max((key.split("/")[1] for key in reference if key.startswith("checkpoints/")), default="")
    for key in sorted(reference.keys() | got.keys()):
        may_be_missing = key.startswith("checkpoints/") and key.split("/")[1] != last
        if may_be_missing and not (key in reference and key in got):
            continue
        if reference.get(key) != got.get(key):
            yield key


def run_to_the_end(job, out):
    done = subprocess.run(job.command(out), capture_output=True, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{job.name}: the uninterrupted job failed: {done.stderr}")
    return job.result(out)


def leftovers(folder):
    """Temporaries, wherever they are below `folder`."""
    return sorted(str(p.relative_to(folder)) for p in pathlib.Path(folder).rglob("*") if ".tmp" in p.name)
