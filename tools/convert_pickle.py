#!/usr/bin/env python3
"""Turns a file that torch.save wrote into a safetensors file.

    python3 tools/convert_pickle.py IN OUT [--key A.B] [--strip PREFIX]

Only tensors are read, by torch.load(weights_only=True): a file that would run code is refused. OUT must
not exist; it appears whole or not at all. Wanted are the Python packages torch and safetensors.
"""

import argparse
import os
import pickle
import sys
import tempfile

# The first release whose weights_only=True has no known way around it (CVE-2025-32434).
OLDEST_TORCH = (2, 6)


class Refused(Exception):
    """One line that says what was wanted and what was found."""


def arguments():
    parser = argparse.ArgumentParser(description="torch.save's file to safetensors")
    parser.add_argument("source", metavar="IN", help="a .bin, .pt, .pth or .ckpt file")
    parser.add_argument("target", metavar="OUT", help="the .safetensors file to write")
    parser.add_argument("--key", default="", metavar="A.B",
                        help="the dictionary inside IN that holds the tensors, such as ema.shadow")
    parser.add_argument("--strip", default="", metavar="PREFIX",
                        help="what every name begins with and is to lose, such as module.")
    return parser.parse_args()


def packages():
    try:
        import torch
        from safetensors.torch import save_file
    except ImportError as error:
        raise Refused(f"wanted the Python packages torch and safetensors: {error}")
    version = tuple(int(part) for part in torch.__version__.split("+")[0].split(".")[:2])
    if version < OLDEST_TORCH:
        raise Refused("wanted torch {}.{} or later, whose weights_only is safe, got {}".format(
            *OLDEST_TORCH, torch.__version__))
    return torch, save_file


def load(torch, path):
    if not os.path.isfile(path):
        raise Refused(f"{path}: no such file")
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise Refused(f"{path}: holds more than tensors and plain values, or is damaged")
    except Exception as error:
        first = (str(error).strip().splitlines() or [""])[0]
        raise Refused(f"{path}: cannot be read: {type(error).__name__}: {first}")


def shown(names):
    names = [str(name) for name in names]
    return ", ".join(names[:10]) + (", .." if len(names) > 10 else "") if names else "nothing"


def walk(value, key):
    """The dictionary that `key` leads to. A key with dots in it may stand for itself."""
    rest, so_far = key, []
    while rest:
        if not isinstance(value, dict):
            raise Refused(f"--key {key}: {'.'.join(so_far) or 'IN'} is no dictionary but a "
                          f"{type(value).__name__}")
        parts = rest.split(".")
        for count in range(len(parts), 0, -1):
            name = ".".join(parts[:count])
            if name in value:
                break
        else:
            raise Refused(f"--key {key}: {'.'.join(so_far) or 'IN'} has no {parts[0]}, only "
                          f"{shown(value)}")
        value = value[name]
        so_far.append(name)
        rest = ".".join(parts[count:])
    if not isinstance(value, dict):
        raise Refused(f"{'--key ' + key if key else 'IN'} is no dictionary of tensors but a "
                      f"{type(value).__name__}")
    return value


def tensors_of(torch, values, strip):
    tensors = {}
    for name, value in values.items():
        if not isinstance(name, str) or not isinstance(value, torch.Tensor):
            print(f"left out: {name} is no tensor but a {type(value).__name__}")
            continue
        if not name.startswith(strip):
            raise Refused(f"--strip {strip}: the name {name} does not begin with it")
        if value.layout != torch.strided or value.is_quantized:
            raise Refused(f"{name}: wanted a dense tensor, got {value.layout}, {value.dtype}")
        # a copy each: two names may share their numbers, which safetensors does not allow
        tensors[name[len(strip):]] = value.detach().clone().contiguous()
    if not tensors:
        inside = [name for name, value in values.items() if isinstance(value, dict)]
        hint = f"; --key may lead to them: {shown(inside)}" if inside else ""
        raise Refused(f"there are no tensors here, only {shown(values)}{hint}")
    if "" in tensors:
        raise Refused(f"--strip {strip}: a name is nothing but that")
    return tensors


def write_whole(save_file, tensors, path):
    if os.path.exists(path):
        raise Refused(f"{path}: is there already")
    folder = os.path.dirname(os.path.abspath(path))
    if not os.path.isdir(folder):
        raise Refused(f"{folder}: no such folder")
    handle, temporary = tempfile.mkstemp(prefix=".tmp-", suffix=".safetensors", dir=folder)
    os.close(handle)
    try:
        save_file(tensors, temporary, metadata={"format": "pt"})
        with open(temporary, "rb") as written:
            os.fsync(written.fileno())
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)  # as a file that is made in the usual way
        os.rename(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    directory = os.open(folder, os.O_RDONLY)
    os.fsync(directory)
    os.close(directory)


def main():
    options = arguments()
    try:
        torch, save_file = packages()
        values = walk(load(torch, options.source), options.key)
        tensors = tensors_of(torch, values, options.strip)
        write_whole(save_file, tensors, options.target)
    except (Refused, OSError) as error:
        print(f"convert_pickle: {error}", file=sys.stderr)
        return 1
    count = sum(tensor.numel() for tensor in tensors.values())
    print(f"{options.target}: {len(tensors)} tensors, {count:,} values")
    return 0


if __name__ == "__main__":
    sys.exit(main())
