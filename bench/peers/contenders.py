"""Who is timed, and the process that each of them is."""

import dataclasses
import os
import pathlib
import subprocess
import sys

import machine

HERE = pathlib.Path(__file__).resolve().parent
OURS = "ddpm"
EAGER = "pytorch"  # what a user of diffusers gets
TOLERANCE = {"fp32": 1e-4, "bf16": 0.1}  # of the largest value, against PyTorch's float64


@dataclasses.dataclass(frozen=True)
class Contender:
    system: str
    precision: str

    @property
    def name(self):
        return f"{self.system} {self.precision}"


ALL = [Contender(system, precision) for precision in ("fp32", "bf16")
       for system in (OURS, EAGER, "pytorch-channels-last", "pytorch-compile", "openvino", "onnxruntime")
       if (system, precision) != ("onnxruntime", "bf16")]  # its CPU kernels have no bfloat16


def environment(threads, folder):
    """Of all contenders. OpenMP's threads may spin for a moment between two operations, not between two turns."""
    return os.environ | {
        "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads), "OPENBLAS_NUM_THREADS": "1", "KMP_BLOCKTIME": "1",
        "HF_HUB_OFFLINE": "1", "TORCHINDUCTOR_COMPILE_THREADS": "1", "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor")}


class Failed(Exception):
    """A contender ended before it answered."""


class Process:
    """A contender on one network and batch, waiting for its turns."""

    def __init__(self, contender, folder, batch, options):
        self.contender = contender
        self.batch = batch
        self.log = folder / f"{contender.name.replace(' ', '-')}-{batch}.log"
        if contender.system == OURS:
            command = [options.build / "engine_server", folder / "checkpoint", folder / "input.raw",
                       "--at-once", options.at_once]
        else:
            command = [sys.executable, HERE / "worker.py", contender.system, folder, "--batch", batch]
        command += ["--precision", contender.precision, "--threads", options.threads]
        with open(self.log, "w") as log:
            self.process = subprocess.Popen(
                [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                env=environment(options.threads, options.folder))
        self.version = self.read().removeprefix("ready").strip()

    def read(self):
        line = self.process.stdout.readline()
        if not line:
            code = self.process.wait()
            raise Failed(f"ended with code {code}: {(self.log.read_text().strip().splitlines() or [''])[-1][-200:]}")
        return line

    def ask(self, command):
        try:
            print(command, file=self.process.stdin, flush=True)
        except BrokenPipeError:
            pass  # read() says what happened
        return self.read()

    def run(self):
        return float(self.ask(f"run {self.batch}"))

    def turn(self, seconds):
        """Milliseconds of each of as many predictions as fit into so many seconds, at least two, behind one that is not
        counted: the caches hold what the contender before has left, while a sampler predicts without a pause."""
        self.run()
        times = [self.run(), self.run()]
        while sum(times) + times[-1] < 1e3 * seconds:
            times.append(self.run())
        return times

    def seconds(self):
        return machine.seconds_of(self.process.pid)

    def peak_mib(self):
        return machine.peak_mib(self.process.pid)

    def end(self):
        if self.process.stdin:
            self.process.stdin.close()
        try:
            self.process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
