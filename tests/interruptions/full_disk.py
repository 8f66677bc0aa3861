"""Fills the disk at many moments of a job, then continues the job with space and compares every byte.

    python3 tests/interruptions/full_disk.py build/release FOLDER [--rounds 40] [--jobs train,sample,evaluate]

As root, since each round mounts a tmpfs of another size in FOLDER, which is new. A round passes if the job ends with
exit code 1 and one line that names what could not be written, leaves no temporary, and reaches the bytes of an
undisturbed job once the disk has grown.
"""

import argparse
import pathlib
import shutil
import subprocess
import sys

import jobs

PAGE = 4096
ENOUGH = "256m"


def used_pages(folder):
    """Pages that a tmpfs needs for the files below `folder`."""
    files = [entry for entry in folder.rglob("*") if entry.is_file()]
    return sum((file.stat().st_size + PAGE - 1) // PAGE for file in files)


class Disk:
    """A tmpfs at `point`, of `size` bytes, for as long as the object is entered."""

    def __init__(self, point, size):
        self.point, self.size = point, size

    def __enter__(self):
        self.point.mkdir(exist_ok=True)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={self.size}", "ddpm", str(self.point)], check=True)
        return self

    def grow(self):
        subprocess.run(["mount", "-o", f"remount,size={ENOUGH}", str(self.point)], check=True)

    def __exit__(self, *error):
        subprocess.run(["umount", str(self.point)], check=True)


def one_round(job, point, pages, reference):
    """The faults of one size of disk, as lines, and whether the disk was full."""
    faults = []
    with Disk(point, pages * PAGE) as disk:
        out = point / "out"
        done = subprocess.run(job.command(out), capture_output=True, text=True)
        full = done.returncode != 0
        if full and (done.returncode != 1 or done.stderr.count("\n") != 1):
            faults.append(f"ended with {done.returncode}: {done.stderr!r}")
        if ".tmp" in done.stderr:
            faults.append(f"names a temporary: {done.stderr!r}")
        faults += [f"left behind: {name}" for name in jobs.leftovers(point)]
        disk.grow()
        done = subprocess.run(job.command(out), capture_output=True, text=True)
        if done.returncode != 0:
            faults.append(f"could not go on: {done.stderr!r}")
        elif list(jobs.differences(reference, job.result(out))):
            faults.append("other bytes than an undisturbed job")
    return [f"{job.name}, {pages} pages: {fault}" for fault in faults], full


def check(job, folder, rounds):
    reference_folder = folder / f"reference-{job.name}"
    reference_folder.mkdir()
    reference = jobs.run_to_the_end(job, reference_folder / "out")
    needed = used_pages(reference_folder)
    faults, full_disks = [], 0
    for i in range(rounds):
        more, full = one_round(job, folder / "disk", 1 + needed * i // rounds, reference)
        faults += more
        full_disks += full
    print(f"{job.name}: {rounds} disks of 1 to {needed} pages, {full_disks} were full, {len(faults)} faults")
    for fault in faults[:20]:
        print(f"  {fault}")
    sys.stdout.flush()
    shutil.rmtree(reference_folder)
    return not faults


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("programs", type=pathlib.Path)
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--rounds", type=int, default=40)
    arguments.add_argument("--jobs", default="train,sample,evaluate")
    values = arguments.parse_args()
    folder = values.folder.absolute()
    folder.mkdir()
    program, data = str(values.programs.absolute() / "ddpm"), folder / "data"
    jobs.make_data(data)
    jobs.run_to_the_end(jobs.Training(program, data, steps=10), folder / "run")
    known = [jobs.Training(program, data), jobs.Sampling(program, folder / "run")]
    known.append(jobs.Evaluation(program, folder / "run", data))
    passed = [check(job, folder, values.rounds) for job in known if job.name in values.jobs.split(",")]
    sys.exit(0 if all(passed) else 1)


if __name__ == "__main__":
    main()
