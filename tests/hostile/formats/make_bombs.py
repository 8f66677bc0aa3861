"""Writes archives that are small and cost much: to measure, not to keep.

    python3 make_bombs.py FOLDER [SHARE]

SHARE (default 1) scales what they inflate to. Measure with
    /usr/bin/time -v ddpm forward --data FOLDER/FILE --out f.png --images 1 --times 0
"""

import bz2
import gzip
import os
import pathlib
import subprocess
import sys
import tarfile


def header(name, size, kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.size = size
    info.type = kind
    return info.tobuf(tarfile.GNU_FORMAT)


def zeros_in_bzip2(path, streams):
    """A file of zeros that nobody wants, as many bzip2 streams of one full block each."""
    block = 45 * 10**6 // 512 * 512
    with open(path, "wb") as out:
        out.write(bz2.compress(header("zeros.bin", streams * block)))
        out.write(bz2.compress(bytes(block)) * streams)
        out.write(bz2.compress(bytes(1024)))


def long_names_in_zstd(path, entries):
    """Empty images with names of a megabyte."""
    with subprocess.Popen(["zstd", "-q", "-f", "-o", path], stdin=subprocess.PIPE) as zstd:
        for i in range(entries):
            name = b"%08d" % i + b"n" * (2**20 - 520) + b".png\0"
            padding = bytes(-len(name) % 512)
            zstd.stdin.write(header("././@LongLink", len(name), tarfile.GNUTYPE_LONGNAME))
            zstd.stdin.write(name + padding + header("short.png", 0))
        zstd.stdin.write(bytes(1024))
        zstd.stdin.close()


def zeros_in_gzip(path, megabytes):
    with gzip.open(path, "wb", 9) as out:
        for _ in range(megabytes):
            out.write(bytes(2**20))


def deep_folder(path, depth):
    path.mkdir()
    here = os.getcwd()
    os.chdir(path)
    for _ in range(depth):
        os.mkdir("d")
        os.chdir("d")
    os.chdir(here)


def main():
    folder = pathlib.Path(sys.argv[1])
    share = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    folder.mkdir(parents=True, exist_ok=True)
    zeros_in_bzip2(folder / "zeros.tar.bz2", int(7000 * share))
    long_names_in_zstd(folder / "names.tar.zst", int(6400 * share))
    zeros_in_gzip(folder / "zeros.gz", int(3000 * share))
    deep_folder(folder / "deep", int(1900 * share))


if __name__ == "__main__":
    main()
