"""Interrupts jobs at random moments, continues each, and compares every byte with an uninterrupted job.

    python3 tests/interruptions/run.py build/release FOLDER [--interruptions 200] [--seed 0] [--jobs train,sample,evaluate]

An interruption is SIGTERM, SIGHUP, SIGINT, a closed standard output or SIGKILL. FOLDER is new; it keeps the first job
whose bytes differ. Exits with 1 if bytes differ, a temporary is left, or an exit code is not the documented one.
"""

import argparse
import collections
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import time

import jobs

KINDS = ["SIGTERM", "SIGHUP", "SIGINT", "SIGKILL", "closed stdout"]
STOPPED_STDOUT = {1, 141, -signal.SIGPIPE}  # a failure; SIGPIPE before or after the handler is installed


def expected(kind, code):
    if code == 0:
        return True  # it ended before it noticed
    if kind == "closed stdout":
        return code in STOPPED_STDOUT
    number = getattr(signal, kind)
    # before the handler is installed, the signal itself ends the process
    return code in (-number, 128 + number)


def interrupt(process, kind, delay):
    """Waits, interrupts, waits for the end. Returns the exit code, or None if the job ended first."""
    try:
        process.wait(delay)
        return None
    except subprocess.TimeoutExpired:
        pass
    if kind == "closed stdout":
        process.stdout.close()
    else:
        process.send_signal(getattr(signal, kind))
    return process.wait(60)


def interrupted_job(job, out, duration, numbers, tally, problems):
    """Runs `job` to its end, with an interruption in each attempt but those that end first."""
    for attempt in range(1000):
        kind = numbers.choice(KINDS)
        with subprocess.Popen(job.command(out), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            # later attempts have more time, so that every job ends
            code = interrupt(process, kind, numbers.uniform(0, duration * (1 + attempt / 10)))
            if code is None:
                if process.returncode != 0:
                    problems.append(f"{job.name}: attempt {attempt} failed: {process.stderr.read().strip()}")
                    return False
                return True
        tally[kind] += 1
        if not expected(kind, code):
            problems.append(f"{job.name}: {kind} ended with {code}")
    problems.append(f"{job.name}: never ended")
    return False


def check(job, folder, duration, reference, interruptions, numbers):
    tally, problems, finished = collections.Counter(), [], 0
    while sum(tally.values()) < interruptions and len(problems) < 5:
        out = folder / f"{job.name}-{finished}"
        if interrupted_job(job, out, duration, numbers, tally, problems):
            differing = list(jobs.differences(reference, job.result(out)))
            if differing:
                problems.append(f"{out}: differs in {differing[:5]}")
        problems += [f"{out}: left behind: {name}" for name in jobs.leftovers(folder) if name.startswith(out.name)]
        finished += 1
        if not problems:
            shutil.rmtree(out)
            out.with_suffix(".npz").unlink(missing_ok=True)
    counts = ", ".join(f"{kind} {tally[kind]}" for kind in KINDS)
    print(f"{job.name}: {sum(tally.values())} interruptions ({counts}) of {finished} jobs, {len(problems)} problems")
    for problem in problems:
        print(f"  {problem}")
    sys.stdout.flush()
    return not problems


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("programs", type=pathlib.Path)
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--interruptions", type=int, default=200)
    arguments.add_argument("--seed", type=int, default=0)
    arguments.add_argument("--jobs", default="train,sample,evaluate")
    values = arguments.parse_args()
    values.folder.mkdir()
    program, data = str(values.programs.absolute() / "ddpm"), values.folder / "data"
    jobs.make_data(data)
    run = values.folder / "run"
    jobs.run_to_the_end(jobs.Training(program, data, steps=10), run)
    passed = True
    known = [jobs.Training(program, data), jobs.Sampling(program, run), jobs.Evaluation(program, run, data)]
    for job in [each for each in known if each.name in values.jobs.split(",")]:
        began = time.monotonic()
        reference = jobs.run_to_the_end(job, values.folder / f"reference-{job.name}")
        duration = time.monotonic() - began
        numbers = random.Random(f"{values.seed} {job.name}")
        passed &= check(job, values.folder, duration, reference, values.interruptions, numbers)
    sys.exit(0 if passed else 1)


if __name__ == "__main__":
    main()
