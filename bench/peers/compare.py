"""Times this program's engine and its peers in turn: see bench/README.md.

    compare.py --ddpm DDPM --build FOLDER FOLDER [--quick] [...]

FOLDER is new; it gets results.json, report.md and chart.png. --build has engine_server.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys
import time

import numpy as np

import contenders
import jobs
import machine
import report
import rounds

BATCHES = {"quickstart": (1, 4, 16, 64), "cifar10": (1, 4, 16, 64), "celebahq256": (1,)}
QUICK = {"quickstart": (1, 4), "cifar10": (1,)}


def error_of(process, folder, shape):
    """The largest difference from float64, relative to the largest value, of the images that have a reference."""
    path = process.log.with_suffix(".output.raw")
    process.run()
    process.ask(f"write {path}")
    y = np.fromfile(path, np.float32).astype(np.float64)
    path.unlink()
    reference = np.load(folder / "reference.npy")[:process.batch]
    if y.size != process.batch * np.prod(shape):
        return float("inf")
    y = y.reshape(process.batch, *shape)[:len(reference)]
    error = np.abs(y - reference).max() / np.abs(reference).max()
    return float(error) if np.isfinite(error) else float("inf")


def start(contender, folder, batch, options):
    """The process, ready for its turns, or None; and what is to be said of it."""
    facts = json.loads((folder / "facts.json").read_text())
    said = {"system": contender.system, "precision": contender.precision}
    began = time.monotonic()
    process = None
    try:
        process = contenders.Process(contender, folder, batch, options)
        said |= {"version": process.version, "load_seconds": round(time.monotonic() - began, 2),
                 "error": error_of(process, folder, facts["shape"])}
        allowed = contenders.TOLERANCE[contender.precision]
        if not said["error"] <= allowed:
            said["refused"] = f"off by {said['error']:.1e}, more than {allowed:.0e}"
    except contenders.Failed as error:
        said["refused"] = str(error)
    print(f"  {contender.name:28} " + (said.get("refused") or f"{said['error']:.1e} from float64, "
                                       f"ready after {said['load_seconds']:.1f} s"), flush=True)
    if "refused" in said and process:
        process.end()
    return None if "refused" in said else process, said


def turn_of(process, seconds, used):
    def turn():
        before = process.seconds()
        began = time.monotonic()
        times = process.turn(seconds)
        used["inside"] += process.seconds() - before
        used["elapsed"] += time.monotonic() - began
        return times
    return turn


def time_in_turn(processes, options):
    """The rounds, and of each contender the share of one processor that it took while others were timed."""
    used = {name: {"inside": 0.0, "elapsed": 0.0, "before": process.seconds()} for name, process in processes.items()}
    began = time.monotonic()
    turns = {name: turn_of(process, options.turn_seconds, used[name]) for name, process in processes.items()}
    taken = rounds.take_rounds(turns, rounds.Rules(
        options.rounds, options.most_rounds, options.least_seconds, options.most_foreign))
    passed = time.monotonic() - began
    awake = {name: (process.seconds() - used[name]["before"] - used[name]["inside"]) / (passed - used[name]["elapsed"])
             for name, process in processes.items()}
    return taken, awake


def setting(network, batch, options):
    """One network at one batch: everybody's error and times."""
    folder = options.folder / "networks" / network
    facts = json.loads((folder / "facts.json").read_text())
    print(f"{network}, batch {batch}", flush=True)
    result = {"network": network, "batch": batch, "parameters": facts["parameters"], "contenders": {}}
    processes = {}
    try:
        for contender in options.contenders:
            process, said = start(contender, folder, batch, options)
            result["contenders"][contender.name] = said
            if process:
                processes[contender.name] = process
        result["rounds"], awake = time_in_turn(processes, options)
        for name, process in processes.items():
            result["contenders"][name] |= {"peak_mib": round(process.peak_mib()), "awake": round(awake[name], 4)}
            if awake[name] > options.most_foreign:
                print(f"  {name} took {awake[name]:.0%} of a processor while others were timed")
    finally:
        for process in processes.values():
            process.end()
    for one in result["rounds"]:
        one["ms_per_image"] = {name: statistics.median(times) / batch for name, times in one["results"].items()}
    print("  " + rounds.tell(result["rounds"]), flush=True)
    return result


def commit():
    git = ["git", "-C", str(contenders.HERE)]
    try:
        answer = subprocess.run([*git, "describe", "--always", "--dirty"], capture_output=True, text=True)
    except FileNotFoundError:
        return ""
    return answer.stdout.strip()


def words(text):
    return text.split(",")


def options_of(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ddpm", type=pathlib.Path, required=True)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--quick", action="store_true", help="small settings, one round: to see that everything runs")
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)), help="of each contender")
    parser.add_argument("--networks", type=words, help="some of " + ",".join(BATCHES))
    parser.add_argument("--batches", type=words, help="some of 1,4,16,64")
    parser.add_argument("--systems", type=words, help="some of " + ",".join({one.system: 0 for one in contenders.ALL}))
    parser.add_argument("--rounds", type=int, help="that count; 7, quick 1")
    parser.add_argument("--most-foreign", type=float, default=0.08, help="share of the processors of others in a round")
    parser.add_argument("--turn-seconds", type=float, default=0.3, help="predictions are repeated to fill a turn")
    parser.add_argument("--least-seconds", type=float, help="of all rounds: short ones are repeated; 60, quick 0")
    parser.add_argument("--at-once", type=int, default=0, help="images that the engine works on at once; 0: its choice")
    parser.add_argument("--jobs", choices=("yes", "no", "only"), default="yes", help="whole jobs, from process start to files")
    parser.add_argument("folder", type=pathlib.Path)
    options = parser.parse_args(arguments)
    options.rounds = options.rounds or (1 if options.quick else 7)
    if options.least_seconds is None:
        options.least_seconds = 0 if options.quick else 60
    options.most_rounds = options.rounds if options.quick else 3 * options.rounds
    sizes = QUICK if options.quick else BATCHES
    wanted = {name: sizes[name] for name in sizes if not options.networks or name in options.networks}
    options.settings = [(name, n) for name in wanted for n in wanted[name] if not options.batches or str(n) in options.batches]
    options.contenders = [one for one in contenders.ALL if not options.systems or one.system in options.systems]
    return options


def main():
    options = options_of(sys.argv[1:])
    options.folder = options.folder.resolve()
    results = {"machine": machine.description(), "ddpm": commit(), "threads": options.threads, "quick": options.quick,
               "most_foreign": options.most_foreign, "at_once": options.at_once, "began": time.strftime("%Y-%m-%d %H:%M:%S"),
               "settings": [], "jobs": []}
    networks = {}
    for name, batch in options.settings:
        networks[name] = max(batch, networks.get(name, 0))
    subprocess.run([sys.executable, contenders.HERE / "networks.py", "--ddpm", options.ddpm, "--folder",
                    options.folder / "networks", *(f"{name}:{most}" for name, most in networks.items())], check=True,
                   env=contenders.environment(options.threads, options.folder))

    def keep():
        (options.folder / "results.json").write_text(json.dumps(results, indent=1))

    for name, batch in options.settings if options.jobs != "only" else ():
        try:
            results["settings"].append(setting(name, batch, options))
        except contenders.Failed as error:  # in the middle of its turns
            print(f"  given up: {error}", flush=True)
        keep()
    for name in networks if options.jobs != "no" else ():
        for count, steps, wanted in jobs.jobs_of(name, options.quick):
            results["jobs"].append(jobs.run(name, count, steps, wanted, options))
            keep()
    report.write(results, options.folder)


main()
