"""Writes the files of tests/hostile/formats/idx and /archive.

    python3 make_containers.py
"""

import gzip
import io
import pathlib
import struct
import tarfile
import zipfile

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


if __name__ == "__main__":
    main()
