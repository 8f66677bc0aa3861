"""Runs every command in a folder full of other things and reports what changed of them.

    python3 tests/interruptions/foreign_files.py build/release FOLDER

As root, since a device node is among them. FOLDER is new. Each command is pointed at each of the things in turn, as
a file and as a folder to write. A regular file that is no input may be replaced if it is named as the output and the
command succeeds; a link that is named may be written through. Everything else has to keep its bytes, its mode, its
inode and its kind, and no temporary may appear.
"""

import argparse
import hashlib
import os
import pathlib
import shutil
import socket
import stat
import subprocess
import sys

import jobs

NAMES = ["000000.png", "grid.png", "loss.png", "photo.png", "bpd.json", "bound.safetensors", "notes.txt", "lock"]
NAMES += ["metrics.jsonl", "config.json", ".tmp-keep", ".tmp-12345-notes", "model_index.json", "manifest.json"]


def furnish(home):
    """The folder of a person who keeps other things in it."""
    home.mkdir()
    for name in NAMES:
        (home / name).write_text(f"mine: {name}\n")
    jobs.write_png(home / "photo.png", bytes(range(192)))
    os.chmod(home / "photo.png", 0o640)
    os.link(home / "notes.txt", home / "hard.txt")
    os.link(home / "photo.png", home / "hard.png")
    (home / "link.png").symlink_to("photo.png")
    (home / "link.csv").symlink_to("notes.txt")
    (home / "dangling.png").symlink_to("nowhere.png")
    os.mkfifo(home / "fifo.png")
    os.mknod(home / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(home / "socket"))
    for folder in ["checkpoints/00000001", "checkpoints/00000002", "samples", ".tmp-folder", "unet"]:
        (home / folder).mkdir(parents=True)
        (home / folder / "mine").write_text("mine\n")
    (home / "read-only.png").write_text("mine\n")
    os.chmod(home / "read-only.png", 0o444)


def describe(path):
    status = path.lstat()
    about = [stat.S_IFMT(status.st_mode), stat.S_IMODE(status.st_mode), status.st_ino, status.st_rdev]
    if path.is_symlink():
        about.append(os.readlink(path))
    elif path.is_file():
        about.append(hashlib.sha256(path.read_bytes()).hexdigest())
    return about


def snapshot(home):
    return {str(path.relative_to(home)): describe(path) for path in sorted(home.rglob("*"))}


def commands(program, run, data, home):
    """Words of each command, TARGET in place of what it writes."""
    picture = ["--checkpoint", run, "--steps", "2", "--seed", "1", "--sampler", "ddim"]
    bits = ["--checkpoint", run, "--data", data, "--images", "2"]
    yield ["forward", "--data", data, "--out", "TARGET"]
    yield ["forward", "--data", f"{home}/photo.png", "--images", "1", "--out", "TARGET"]
    yield ["schedule", "--out", "TARGET"]
    yield ["schedule", "--csv", "TARGET"]
    yield ["denoise", *picture, "--images", "1", "--out", "TARGET"]
    yield ["progressive", *picture, "--count", "1", "--out", "TARGET"]
    yield ["progressive", *picture, "--count", "1", "--out", f"{home}/new.png", "--single", "TARGET"]
    yield ["family", *picture, "--count", "1", "--out", "TARGET"]
    yield ["interpolate", *picture, "--data", data, "--out", "TARGET"]
    yield ["interpolate", *picture, "--from", f"{home}/photo.png", "--to", f"{data}/0.png", "--out", "TARGET"]
    yield ["reconstruct", *picture, "--data", data, "--out", "TARGET"]
    yield ["reconstruct", *picture, "--data", data, "--out", f"{home}/new.png", "--csv", "TARGET"]
    yield ["inpaint", *picture, "--data", f"{home}/photo.png", "--fill", "right", "--count", "1", "--out", "TARGET"]
    yield ["sample", *picture, "--count", "2", "--out", "TARGET"]
    yield ["sample", *picture, "--count", "2", "--out", f"{home}/new", "--npz", "TARGET"]
    yield ["evaluate", "bpd", *bits, "--out", "TARGET"]
    yield ["evaluate", "rate-distortion", *bits, "--out", "TARGET"]
    yield ["evaluate", "ode", *bits, "--steps", "2", "--out", "TARGET"]
    yield ["export", "--checkpoint", run, "--out", "TARGET"]
    yield ["export", "--checkpoint", run, "--format", "onnx", "--out", "TARGET"]
    yield ["train", "--preset", "tiny", "--data", data, "--steps", "1", "--out", "TARGET"]


def targets(home):
    yield from sorted(str(path) for path in home.iterdir())
    yield str(home)
    yield f"{home}/checkpoints"
    yield f"{home}/checkpoints/00000002"
    yield "-"


def changes(before, after, target, home, succeeded):
    """What changed and must not, as lines."""
    allowed = set()
    if succeeded and target != "-":
        name = os.path.relpath(target, home)
        kind = before.get(name, [0])[0]
        if kind == stat.S_IFREG and before[name][1] != 0o444:
            allowed.add(name)
        elif kind == stat.S_IFLNK:
            allowed.add(os.path.relpath(os.path.realpath(target), os.path.realpath(home)))
    for name, about in before.items():
        if after.get(name) != about and name not in allowed:
            yield f"{name} changed from {about} to {after.get(name)}"
    for name in after.keys() - before.keys():
        if ".tmp" in os.path.basename(name) or name == "-":
            yield f"{name} appeared"


def one(words, target, home, clean):
    """Runs one command on one target in a fresh copy of the folder. Returns lines of what is wrong."""
    shutil.rmtree(home, ignore_errors=True)
    furnish(home)
    before = snapshot(home)
    given = [word.replace("TARGET", target) for word in words]
    try:
        done = subprocess.run(given, capture_output=True, cwd=home, timeout=120, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return [f"{' '.join(given)}: hangs"]
    wrong = list(changes(before, snapshot(home), target, home, done.returncode == 0))
    lines = done.stderr.decode(errors="replace")
    if done.returncode not in (0, 1, 2) or (done.returncode != 0 and lines.count("\n") != 1):
        wrong.append(f"exit code {done.returncode}, stderr {lines!r}")
    clean["refused" if done.returncode else "done"] += 1
    return [f"{' '.join(given)}: {each}" for each in wrong]


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("programs", type=pathlib.Path)
    arguments.add_argument("folder", type=pathlib.Path)
    arguments.add_argument("--only", default="", help="commands whose first word is this")
    values = arguments.parse_args()
    folder = values.folder.absolute()
    folder.mkdir()
    program = str(values.programs.absolute() / "ddpm")
    jobs.make_data(folder / "data")
    jobs.run_to_the_end(jobs.Training(program, folder / "data", steps=1), folder / "run")
    home, counts, faults = folder / "home", {"done": 0, "refused": 0}, []
    furnish(home)
    places = list(targets(home))
    for words in commands(program, str(folder / "run"), str(folder / "data"), home):
        if values.only in ("", words[0]):
            for target in places:
                faults += one([program, *words], target, home, counts)
    print(f"{counts['done']} commands ended well, {counts['refused']} were refused, {len(faults)} faults")
    for fault in faults:
        print(f"  {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
