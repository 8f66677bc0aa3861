"""Writes the files of tests/hostile/formats/safetensors, each of which breaks one rule of the format.

    python3 make_safetensors.py
"""

import json
import pathlib
import pickle
import struct
import zipfile

FOLDER = pathlib.Path(__file__).parent / "safetensors"


def tensor(shape, begin, end, dtype="F32"):
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def file(header, data=b"", length=None):
    if not isinstance(header, (str, bytes)):
        header = json.dumps(header)
    text = header.encode() if isinstance(header, str) else header
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def write(name, content):
    (FOLDER / name).write_bytes(content)


def main():
    FOLDER.mkdir(exist_ok=True)
    eight = bytes(8)
    # Reported against readers written by hand.
    write("shape_wraps_to_zero", file({"a": tensor([2**32, 2**32], 0, 0)}))
    write("header_length_overflows", file("{}", length=2**64 - 8))
    write("header_length_of_one_gigabyte", file("{}", length=2**30))
    write("offsets_larger_than_shape", file({"a": tensor([1], 0, 8)}, eight))
    write("offsets_beyond_the_file", file({"a": tensor([1000], 0, 4000)}, eight))
    write("unknown_dtype", file({"a": tensor([2], 0, 8, "F33")}, eight))
    one = json.dumps(tensor([2], 0, 8))
    write("name_twice", file('{"a": %s, "a": %s}' % (one, one), eight))
    write("gap", file({"a": tensor([1], 0, 4), "b": tensor([1], 8, 12)}, bytes(12)))
    write("gap_at_the_start", file({"a": tensor([1], 4, 8)}, eight))
    write("overlap", file({"a": tensor([2], 0, 8), "b": tensor([1], 4, 8)}, eight))
    text = '{"a": {"dtype": "F32", "shape": "%s", "data_offsets": [0, 0]}}'
    write("ninety_one_bytes", file(text % ("x" * (91 - 8 - len(text % "")))))
    # The other rules.
    write("empty", b"")
    write("seven_bytes", bytes(7))
    write("header_cut", file({"a": tensor([2], 0, 8)}, length=1000))
    write("no_brace", file(' {"a": %s}' % one, eight))
    write("not_json", file("{not json}"))
    write("not_utf8", file(b'{"\xff": 1}'))
    write("deep", file('{"a": ' + "[" * 10000 + "]" * 10000 + "}"))
    write("list", file("[]"))
    write("negative_extent", file({"a": tensor([-2, -1], 0, 8)}, eight))
    write("fractional_extent", file({"a": tensor([2.0], 0, 8)}, eight))
    write("huge_extent", file({"a": tensor([2**64 + 2], 0, 8)}, eight))
    write("huge_but_empty", file({"a": tensor([2**62, 2**62, 0], 0, 0)}))
    write("nine_extents", file({"a": tensor([1] * 8 + [2], 0, 8)}, eight))
    write("offsets_fall", file({"a": tensor([2], 8, 0)}, eight))
    write("three_offsets", file({"a": {**tensor([2], 0, 8), "data_offsets": [0, 4, 8]}}, eight))
    write("no_shape", file({"a": {"dtype": "F32", "data_offsets": [0, 8]}}, eight))
    write("extra_key", file({"a": {**tensor([2], 0, 8), "stride": [1]}}, eight))
    write("trailing_bytes", file({"a": tensor([2], 0, 8)}, eight + b"mine"))
    write("metadata_with_a_number", file({"__metadata__": {"step": 7}}))
    write("metadata_is_a_list", file({"__metadata__": []}))
    write("data_without_tensors", file("{}", eight))
    # PyTorch's own files.
    write("pickle", pickle.dumps({"a": [1.0, 2.0]}, protocol=2))
    with zipfile.ZipFile(FOLDER / "zip", "w") as archive:
        archive.writestr(zipfile.ZipInfo("archive/data.pkl"), pickle.dumps({}, protocol=2))


if __name__ == "__main__":
    main()
