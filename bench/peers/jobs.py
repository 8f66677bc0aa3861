"""Whole jobs as a user sees them: from the start of the process to the image files on the disk."""

import os
import shutil
import statistics
import subprocess
import sys
import time

import contenders
import rounds

JOBS = ((1, 20, 7), (64, 50, 2))  # images, steps of DDIM, rounds
QUICK_JOBS = ((1, 20, 1), (4, 10, 1))
CONTENDERS = [(program, precision) for precision in ("fp32", "bf16") for program in ("ddpm", "diffusers")]
# 64 images of 256x256 would be an hour a contender
MOST_IMAGES = {"quickstart": 64, "cifar10": 64, "celebahq256": 1}


def engine_flags(ddpm):
    """The engine where this program's `sample` can be told to use it."""
    text = subprocess.run([ddpm, "sample", "--help"], capture_output=True, text=True, check=True).stdout
    return ["--executor", "engine"] if "--executor" in text else []


def command_of(program, precision, checkpoint, out, count, steps, options):
    if program == "diffusers":
        return [sys.executable, contenders.HERE / "diffusers_sample.py", checkpoint, out, "--count", count, "--steps", steps,
                "--precision", precision]
    return [options.ddpm, "sample", "--checkpoint", checkpoint, "--out", out, "--count", count, "--sampler", "ddim",
            "--steps", steps, "--precision", precision, "--threads", options.threads, *engine_flags(options.ddpm)]


def once(command, out, count, environment, log):
    """Seconds, and MiB at most, of one process; its images are removed."""
    shutil.rmtree(out, ignore_errors=True)
    began = time.perf_counter()
    process = subprocess.Popen([str(word) for word in command], env=environment, stdout=log, stderr=log)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    images = len(list(out.glob("[0-9]*.png")))
    if process.returncode != 0 or images != count:
        sys.exit(f"peers: {command[0]} ended with code {process.returncode} and {images} images; see {log.name}")
    shutil.rmtree(out)
    return {"seconds": seconds, "peak_mib": round(usage.ru_maxrss / 1024)}


def turn_of(name, checkpoint, count, steps, options):
    out = options.folder / "images"
    command = command_of(*name.split(" "), checkpoint, out, count, steps, options)
    environment = contenders.environment(options.threads, options.folder)

    def turn():
        with open(options.folder / "jobs.log", "a") as log:
            return once(command, out, count, environment, log)
    return turn


def run(network, count, steps, wanted, options):
    checkpoint = options.folder / "networks" / network / "checkpoint"
    print(f"job: {network}, {count} images by {steps} steps", flush=True)
    names = [f"{program} {precision}" for program, precision in CONTENDERS]
    for name in names:  # their files into the system's memory
        turn_of(name, checkpoint, 1, 1, options)()
    turns = {name: turn_of(name, checkpoint, count, steps, options) for name in names}
    taken = rounds.take_rounds(turns, rounds.Rules(
        wanted, wanted if options.quick else 3 * wanted, most_foreign=options.most_foreign))
    print("  " + rounds.tell(taken), flush=True)
    medians = {name: statistics.median(one["results"][name]["seconds"] for one in taken if one["kept"]) for name in names}
    print("  " + ", ".join(f"{name} {seconds:.2f} s" for name, seconds in medians.items()), flush=True)
    return {"network": network, "images": count, "steps": steps, "engine": bool(engine_flags(options.ddpm)), "rounds": taken}


def jobs_of(network, quick):
    """Images, steps and rounds of each job of a network."""
    return [job for job in (QUICK_JOBS if quick else JOBS) if job[0] <= MOST_IMAGES[network]]
