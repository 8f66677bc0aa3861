"""Writes the files of tests/hostile/formats/idx and /archive.

    python3 make_containers.py
"""

import gzip
import io
import pathlib
import struct
import subprocess
import tarfile
import zipfile
import zlib

FOLDER = pathlib.Path(__file__).parent


def write(name, content):
    path = FOLDER / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def idx(extents, data, kind=8):
    return struct.pack(f">4B{len(extents)}I", 0, 0, kind, len(extents), *extents) + data


def tar(size, data, name="a.png", kind=tarfile.REGTYPE):
    info = tarfile.TarInfo(name)
    info.size = size
    info.type = kind
    return info.tobuf(tarfile.GNU_FORMAT) + data


def zipped(name, data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return out.getvalue()


class Pipe(io.BytesIO):
    """Makes zipfile write the size of an entry behind it."""

    def seek(self, *_):
        raise OSError


def zip_of_unknown_size(data):
    out = Pipe()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("a.png"), data, zipfile.ZIP_DEFLATED)
    whole = out.getvalue()
    return whole[: whole.index(b"PK\x05\x06")]  # so that its directory is not found


def zip_of_methods():
    """The same bytes stored, deflated, and by bzip2 and LZMA; then one of an unknown method."""
    out = io.BytesIO()
    methods = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA)
    with zipfile.ZipFile(out, "w") as archive:
        for method in methods:
            archive.writestr(zipfile.ZipInfo(f"{method}.png"), b"contents " * 50, method)
        archive.writestr(zipfile.ZipInfo("deflate64.png"), b"contents", zipfile.ZIP_STORED)
    whole = bytearray(out.getvalue())
    local = whole.index(b"PK\x03\x04", whole.index(b"14.png") + 1)
    entry = whole.rindex(b"PK\x01\x02")
    whole[local + 8] = whole[entry + 10] = 9
    return bytes(whole)


def zip_of_overlapping_entries(data):
    """Three entries of the directory that name one local header."""
    whole = zipped("0.png", data)
    directory = whole.index(b"PK\x01\x02")
    end = whole.index(b"PK\x05\x06")
    entry = whole[directory:end]
    entries = entry + entry.replace(b"0.png", b"1.png") + entry.replace(b"0.png", b"2.png")
    tail = bytearray(whole[end:])
    tail[8:16] = struct.pack("<HHI", 3, 3, len(entries))
    return whole[:directory] + entries + bytes(tail)


def zip64(name, data):
    """Every number of 32 bits replaced by one of 64."""
    local = struct.pack("<4s5H3I2H", b"PK\3\4", 45, 0, 0, 0, 0, zlib.crc32(data), len(data),
                        len(data), len(name), 0) + name
    extra = struct.pack("<HHQQQ", 1, 24, len(data), len(data), 0)
    entry = struct.pack("<4s6H3I5H2I", b"PK\1\2", 45, 45, 0, 0, 0, 0, zlib.crc32(data),
                        2**32 - 1, 2**32 - 1, len(name), len(extra), 0, 0, 0, 0, 2**32 - 1)
    entry += name + extra
    begin = len(local) + len(data)
    record = struct.pack("<4sQ2H2I4Q", b"PK\6\6", 44, 45, 45, 0, 0, 1, 1, len(entry), begin)
    locator = struct.pack("<4sIQI", b"PK\6\7", 0, begin + len(entry), 1)
    end = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 2**16 - 1, 2**16 - 1, 2**32 - 1, 2**32 - 1, 0)
    return local + data + entry + record + locator + end


def pax(records, block):
    text = b"".join(records)
    header = tar(len(text), text + bytes(-len(text) % 512), "pax", tarfile.XHDTYPE)
    return header + block


def sparse_tars():
    """A file in each of tar's sparse forms, and a plain one behind it."""
    plain = tar(8, b"contents" + bytes(504), "a.png") + bytes(1024)
    old = bytearray(tar(512, b"x" * 512, "sparse.png", tarfile.GNUTYPE_SPARSE))
    old[482] = 1  # the map goes on in two blocks
    old[148:156] = b" " * 8
    old[148:156] = b"%06o\0 " % sum(old[:512])
    maps = bytes(504) + b"\1" + bytes(7) + bytes(512)
    yield "gnu", bytes(old[:512]) + maps + bytes(old[512:]) + plain
    records = [b"22 GNU.sparse.major=1\n", b"22 GNU.sparse.minor=0\n",
               b"30 GNU.sparse.name=sparse.png\n", b"28 GNU.sparse.realsize=9999\n"]
    data = b"1\n0\n512\n".ljust(512, b"\0") + b"x" * 512
    yield "pax", pax(records, tar(1024, data, "GNUSparseFile.0/sparse.png")) + plain


def main():
    write("idx/product_wraps_to_zero", idx([2**22, 2**21, 2**21], b""))
    write("idx/product_is_negative", idx([2, 2**31, 2**31], b""))
    write("idx/sixty_thousand_images_in_one_byte", idx([60000, 28, 28], b"x"))
    write("idx/rank_255", bytes([0, 0, 8, 255]) + bytes(100))
    write("idx/labels", idx([10], bytes(10)))
    write("idx/cut_in_the_header", idx([1, 1, 1], b"x")[:14])

    block = bytes(512)
    write("archive/tar_of_eight_exabytes", tar(2**63 - 1, block))
    write("archive/tar_with_a_climbing_name", tar(1, b"x" + block[1:], "../" * 20 + "a.png"))
    write("archive/tar_with_a_link_to_itself", tar(0, block, "a.png", tarfile.SYMTYPE))
    write("archive/bomb.tar.gz", gzip.compress(tar(2**23, bytes(2**23)) + 2 * block, 9, mtime=0))
    once = zipped("inner.zip", bytes(2**22))
    write("archive/bomb.zip", once)
    lying = bytearray(once)
    directory = once.index(b"PK\x01\x02")
    lying[directory + 24 : directory + 28] = struct.pack("<I", 10)  # the size it claims
    write("archive/zip_larger_than_it_says", bytes(lying))
    astray = bytearray(once)
    end = once.index(b"PK\x05\x06")
    astray[end + 16 : end + 20] = struct.pack("<I", 0xFFFFFFF0)  # where the directory begins
    write("archive/zip_with_its_directory_astray", bytes(astray))
    # One byte more than the test allows.
    write("archive/zip_of_unknown_size", zip_of_unknown_size(b"x" * 1001))

    write("archive/whole_methods.zip", zip_of_methods())
    write("archive/whole_zip64.zip", zip64(b"a.png", b"contents"))
    write("archive/whole_behind_a_program.zip", b"#!/bin/sh\n" + zip64(b"a.png", b"contents"))
    whole = tar(8, b"contents".ljust(512, b"\0")) + 2 * block
    write("archive/whole_zstd_with_check_sum.tar.zst",
          subprocess.run(["zstd", "-c", "--check"], input=whole, capture_output=True, check=True).stdout)
    write("archive/zip_of_overlapping_entries", zip_of_overlapping_entries(b"contents"))
    for form, content in sparse_tars():
        write(f"archive/sparse_of_{form}.tar", content)
    file = tar(8, b"contents" + bytes(504), "a.png")
    link = bytearray(tar(8, b"contents" + bytes(504), "b.png", tarfile.LNKTYPE))
    link[157:162] = b"a.png"
    link[148:156] = b" " * 8
    link[148:156] = b"%06o\0 " % sum(link[:512])
    write("archive/whole_hard_link_with_contents.tar",
          file + bytes(link) + tar(8, b"contents" + bytes(504), "c.png") + bytes(1024))
    # A size that is no number, one that is negative, a name that is longer than any system allows.
    broken = bytearray(tar(8, b"contents" + bytes(504)))
    for name, size in ("of_no_number", b"9" * 11 + b"\0"), ("below_zero", b"\xff" * 12):
        broken[124:136] = size
        broken[148:156] = b" " * 8
        broken[148:156] = b"%06o\0 " % sum(broken[:512])
        write(f"archive/tar_with_a_size_{name}", bytes(broken) + bytes(1024))
    write("archive/tar_with_damaged_pax_records",
          pax([b"999 path=a\n"], tar(8, b"contents" + bytes(504))) + bytes(1024))


if __name__ == "__main__":
    main()
