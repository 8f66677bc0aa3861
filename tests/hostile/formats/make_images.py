"""Writes the files of tests/hostile/formats/{png,jpeg,npy,cifar,unet_config}, each of which breaks one rule.

    python3 make_images.py          needs Pillow, for the JPEG file that is then damaged

The names say what is wrong. What begins with "whole" is not hostile: it is there so that a fuzzer begins with it.
"""

import io
import json
import pathlib
import struct
import zlib

from PIL import Image

HERE = pathlib.Path(__file__).parent


def write(name, content):
    path = HERE / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


SIGNATURE = b"\x89PNG\r\n\x1a\n"


def header(width, height, bits=8, colour=0, interlace=0):
    return chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, interlace))


def png(*chunks):
    return SIGNATURE + b"".join(chunks)


END = chunk(b"IEND", b"")


def pixels(raw):
    return chunk(b"IDAT", zlib.compress(raw, 9))


def make_png():
    gray = pixels(b"\0\x10\x20" * 2)
    write("png/whole_gray", png(header(2, 2), gray, END))
    write("png/whole_deep", png(header(1, 1, 16, 2), pixels(b"\0" + b"\x12\x34" * 3), END))
    write("png/whole_palette", png(header(2, 1, 8, 3), chunk(b"PLTE", b"\1\2\3\4\5\6"), chunk(b"tRNS", b"\x80"),
                                   pixels(b"\0\0\1"), END))
    write("png/whole_interlaced", png(header(2, 2, 8, 0, 1), pixels(b"\0\1\0\2\0\3\4"), END))
    write("png/whole_text", png(header(2, 2), chunk(b"tEXt", b"seed\x007"), gray, END))
    write("png/signature_alone", SIGNATURE)
    write("png/no_header", png(gray, END))
    write("png/header_twice", png(header(2, 2), header(2, 2), gray, END)[:60])
    write("png/zero_wide", png(header(0, 2), gray, END))
    write("png/two_billion_wide", png(header(2**31 - 1, 2**31 - 1), gray, END))
    write("png/more_pixels_than_allowed", png(header(20000, 20000), gray, END))
    write("png/sixty_bytes_of_a_gigabyte", png(header(10000, 10000, 16, 6), gray, END))
    write("png/wrong_sum", png(header(2, 2), chunk(b"IDAT", zlib.compress(b"\0\x10\x20" * 2), 1), END))
    write("png/too_few_rows", png(header(2, 3), gray, END))
    write("png/chunk_of_four_gigabytes", png(header(2, 2)) + b"\xff\xff\xff\xffIDAT\0\0")
    text = chunk(b"tEXt", b"seed\x007")
    write("png/text_of_two_gigabytes", png(header(2, 2), b"\x6f\0\0" + text[3:], gray, END))
    write("png/palette_missing", png(header(2, 1, 8, 3), pixels(b"\0\0\1"), END))
    write("png/three_bits", png(header(2, 2, 3), gray, END))
    write("png/no_end", png(header(2, 2), gray))
    write("png/no_data", png(header(2, 2), END))
    write("png/filter_99", png(header(2, 2), pixels(b"\x63\x10\x20" * 2), END))
    write("png/bomb", png(header(2, 2), pixels(b"\0" * 200000)[:60], END))


def jpeg(mode, size, **options):
    out = io.BytesIO()
    image = Image.new(mode, size)
    for i in range(size[0] * size[1]):
        value = 37 * i % 256
        image.putpixel((i % size[0], i // size[0]), value if mode == "L" else tuple([value] * len(mode)))
    image.save(out, "JPEG", **options)
    return out.getvalue()


def oriented(value, count=1, length=None):
    """EXIF data with one entry, the orientation."""
    entry = struct.pack(">HHIHH", 0x0112, 3, count, value, 0)
    tiff = b"MM\0*\0\0\0\x08" + struct.pack(">H", 1) + entry + b"\0\0\0\0"
    data = b"Exif\0\0" + tiff
    return b"\xff\xe1" + struct.pack(">H", (len(data) + 2) if length is None else length) + data


def make_jpeg():
    gray = jpeg("L", (8, 8), quality=50)
    write("jpeg/whole_gray", gray)
    write("jpeg/whole_colour", jpeg("RGB", (9, 7), quality=30))
    write("jpeg/whole_progressive", jpeg("RGB", (8, 8), quality=30, progressive=True))
    write("jpeg/whole_cmyk", jpeg("CMYK", (8, 8), quality=30))
    write("jpeg/whole_turned", gray[:2] + oriented(6) + gray[2:])
    write("jpeg/whole_turned_by_99", gray[:2] + oriented(99) + gray[2:])
    write("jpeg/whole_with_a_million_orientations", gray[:2] + oriented(6, 1000000) + gray[2:])
    write("jpeg/marker_alone", gray[:2])
    write("jpeg/cut_in_the_header", gray[:40])
    write("jpeg/cut_in_the_picture", gray[: len(gray) - 12])
    at = gray.index(b"\xff\xc0")
    write("jpeg/huge", gray[: at + 5] + b"\xff\xff\xff\xff" + gray[at + 9 :])
    write("jpeg/no_rows", gray[: at + 5] + b"\0\0" + gray[at + 7 :])
    write("jpeg/five_components", gray[: at + 9] + b"\x05" + gray[at + 10 :])
    write("jpeg/exif_longer_than_the_file", gray[:2] + oriented(6, 1, 65535) + gray[2:])


def npy(head, data=b"", version=1):
    size = struct.pack("<H" if version == 1 else "<I", len(head))
    return b"\x93NUMPY" + bytes([version, 0]) + size + head.encode() + data


def make_npy():
    good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }\n"
    write("npy/whole_floats", npy(good, b"\0" * 8))
    write("npy/whole_integers", npy(good.replace("<f4", "<i8"), b"\1" * 16, version=2))
    write("npy/whole_bytes", npy(good.replace("<f4", "|u1"), b"\1" * 2, version=3))
    write("npy/magic_alone", b"\x93NUMPY\1\0")
    write("npy/header_longer_than_the_file", b"\x93NUMPY\1\0\xff\xff{'descr'")
    write("npy/too_few_values", npy(good, b"\0" * 7))
    write("npy/too_many_values", npy(good, b"\0" * 9))
    write("npy/product_wraps_to_zero", npy(good.replace("(1, 2)", "(4294967296, 4294967296)")))
    write("npy/negative", npy(good.replace("(1, 2)", "(-1, 2)"), b"\0" * 8))
    write("npy/fortran", npy(good.replace("False", "True"), b"\0" * 8))
    write("npy/objects", npy(good.replace("<f4", "|O"), b"\0" * 8))
    write("npy/big_endian", npy(good.replace("<f4", ">f4"), b"\0" * 8))
    write("npy/code_for_a_shape", npy(good.replace("(1, 2)", "__import__('os')"), b"\0" * 8))
    write("npy/version_nine", npy(good, b"\0" * 8, version=9))


def make_cifar():
    write("cifar/whole", bytes(range(10))[3:4] + bytes(i % 256 for i in range(3072)))
    write("cifar/label_ten", b"\x0a" + b"\0" * 3072)
    write("cifar/one_byte_short", b"\0" * 3072)
    write("cifar/one_byte_long", b"\0" * 3074)


def make_unet_config():
    whole = {
        "_class_name": "UNet2DModel", "act_fn": "silu", "attention_head_dim": None, "block_out_channels": [8, 16],
        "downsample_padding": 0, "down_block_types": ["DownBlock2D", "AttnDownBlock2D"], "flip_sin_to_cos": False,
        "freq_shift": 1, "in_channels": 1, "layers_per_block": 1, "norm_eps": 1e-06, "norm_num_groups": 4,
        "out_channels": 1, "sample_size": [8, 12], "up_block_types": ["AttnUpBlock2D", "UpBlock2D"]}

    def variant(name, **changes):
        config = {**whole, **changes}
        write("unet_config/" + name, json.dumps(config, separators=(",", ":")).encode())

    variant("whole")
    variant("a_billion_channels", block_out_channels=[10**9, 10**9])
    variant("channels_beyond_64_bits", block_out_channels=[2**64, 16])
    variant("negative_channels", block_out_channels=[-8, 16])
    variant("zero_channels", block_out_channels=[0, 16])
    variant("no_levels", block_out_channels=[], down_block_types=[], up_block_types=[])
    variant("two_hundred_levels", block_out_channels=[8] * 200, down_block_types=["DownBlock2D"] * 200)
    variant("size_that_cannot_be_halved", sample_size=9)
    variant("three_sizes", sample_size=[8, 8, 8])
    variant("huge_size", sample_size=10**18)
    variant("another_network", _class_name="UNet2DConditionModel")
    variant("another_activation", act_fn="relu")
    variant("heads_wider_than_their_level", attention_head_dim=64)
    variant("whole_heads", attention_head_dim=8)
    variant("whole_up_is_not_down", up_block_types=["UpBlock2D", "UpBlock2D"])
    variant("zero_groups", norm_num_groups=0)
    variant("epsilon_below_zero", norm_eps=-1)
    variant("a_billion_blocks", layers_per_block=10**9)
    variant("unknown_key", layers_per_blok=1)
    write("unet_config/twice", b'{"_class_name":"UNet2DModel","_class_name":"UNet2DModel"}')
    write("unet_config/deep", b"[" * 500)
    write("unet_config/no_utf8", b'{"\xff":1}')
    write("unet_config/a_list", b"[]")


for make in (make_png, make_jpeg, make_npy, make_cifar, make_unet_config):
    make()
