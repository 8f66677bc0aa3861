"""Writes the files of tests/hostile/formats/{bmp,gif,tiff,webp} and those of {jpeg,png} that are whole though their
readers warn of them, or bombs; each of the others breaks one rule.

    python3 make_pictures.py        needs Pillow, for the WebP and GIF files that are then damaged

The names say what is wrong. What begins with "whole" is not hostile: it is there so that a fuzzer begins with it.
"""

import io
import pathlib
import struct
import zlib

from PIL import Image

HERE = pathlib.Path(__file__).parent


def write(name, content):
    path = HERE / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)


def picture(mode):
    image = Image.new(mode, (5, 4))
    for i in range(20):
        value = 37 * i % 256
        image.putpixel((i % 5, i // 5), value if len(mode) == 1 else tuple([value, 255 - value, 7, 90][: len(mode)]))
    return image


def saved(image, kind, **options):
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def bmp(width, height, bits, compression=0, tables=b"", pixels=b"", colours=0, offset=None, size=40):
    info = struct.pack("<IiiHHIIiiII", size, width, height, 1, bits, compression, 0, 0, 0, colours, 0)
    start = 14 + len(info) + len(tables) if offset is None else offset
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + info + tables + pixels


def make_bmp():
    palette = b"\x1e\x14\x0a\0" b"\x3c\x32\x28\0"
    masks = struct.pack("<III", 0xF800, 0x7E0, 0x1F)
    write("bmp/whole_colour", bmp(3, 2, 24, pixels=bytes(range(24))))
    write("bmp/whole_from_the_top", bmp(3, -2, 24, pixels=bytes(range(24))))
    write("bmp/whole_palette", bmp(9, 2, 1, tables=palette, pixels=b"\xaa\x80\0\0" * 2))
    write("bmp/whole_runs_of_8", bmp(4, 2, 8, 1, palette, b"\4\1\0\0\0\3\0\1\0\0\0\2\0\0\0\1", 2))
    write("bmp/whole_runs_of_4", bmp(4, 2, 4, 2, palette, b"\4\x10\0\0\0\3\1\0\0\1", 2))
    write("bmp/whole_masks", bmp(2, 1, 16, 3, masks, b"\xff\xff\x1f\0"))
    write("bmp/whole_os2", b"BM" + struct.pack("<IHHI", 0, 0, 0, 32) + struct.pack("<IHHHH", 12, 1, 1, 1, 1)
          + b"\1\2\3\4\5\6" + b"\x80\0\0\0")
    write("bmp/rows_missing", bmp(3, 2, 24, pixels=bytes(12)))
    write("bmp/index_beyond_the_palette", bmp(1, 1, 8, 0, palette, b"\2\0\0\0", 2))
    write("bmp/two_billion_wide", bmp(2**31 - 1, 1, 24))
    write("bmp/lowest_height", bmp(1, -(2**31), 24))
    write("bmp/negative_width", bmp(-3, 2, 24, pixels=bytes(24)))
    write("bmp/bomb_of_runs", bmp(9999, 9999, 8, 1, palette, b"\0\1", 2))
    write("bmp/seven_bits", bmp(1, 1, 7, tables=palette, pixels=bytes(4)))
    write("bmp/mask_of_nothing", bmp(1, 1, 16, 3, bytes(12), bytes(4)))
    write("bmp/mask_with_a_hole", bmp(1, 1, 32, 3, struct.pack("<III", 0x5, 0xF0, 0xF00), bytes(4)))
    write("bmp/pixels_beyond_the_file", bmp(1, 1, 24, pixels=bytes(4), offset=2**32 - 9))
    write("bmp/jpeg_inside", bmp(1, 1, 24, 4, pixels=b"\xff\xd8\xff\xd9"))
    write("bmp/runs_without_an_end", bmp(4, 2, 8, 1, palette, b"\4\1", 2))
    write("bmp/runs_above_the_top", bmp(4, 1, 8, 1, palette, b"\4\1\0\0\4\1\0\1", 2))
    write("bmp/move_beyond_the_file", bmp(4, 1, 8, 1, palette, b"\0\2\1", 2))
    write("bmp/header_of_ninety", bmp(1, 1, 24, pixels=bytes(4), size=90))


def make_gif():
    gray = saved(picture("L"), "GIF")
    whole = saved(picture("RGB").quantize(8), "GIF")
    write("gif/whole_colour", whole)
    write("gif/whole_gray", gray)
    write("gif/whole_transparent", saved(picture("RGB").quantize(8), "GIF", transparency=2))
    write("gif/whole_animated", saved(picture("L"), "GIF", save_all=True, append_images=[picture("L").rotate(180)]))
    write("gif/whole_first_frame_of_two", saved(picture("L"), "GIF", save_all=True,
                                                append_images=[picture("L").rotate(180)])[:-9])
    screen = slice(6, 10)
    write("gif/huge_screen", gray[: screen.start] + b"\xff\xff\xff\xff" + gray[screen.stop :])
    write("gif/bomb", gray[: screen.start] + b"\xff\x1f\xff\x1f" + gray[screen.stop :])
    frame = gray.index(b"\x2c")
    write("gif/huge_frame", gray[: frame + 5] + b"\xff\xff\xff\xff" + gray[frame + 9 :])
    write("gif/more_rows_than_codes", gray[: frame + 7] + b"\x40\0" + gray[frame + 9 :])
    write("gif/no_frame", gray[:frame] + b"\x3b")
    write("gif/cut_in_the_frame", gray[: frame + 16])
    write("gif/code_of_13_bits", gray[: gray.index(b"\0\x08", frame) + 1] + b"\x0d" + gray[gray.index(b"\0\x08", frame) + 2 :])
    flags = whole[10]
    write("gif/index_beyond_the_palette", whole[:10] + bytes([flags & ~7]) + whole[11:19]
          + whole[13 + 3 * 2 ** ((flags & 7) + 1) :])
    write("gif/no_palette", gray[:10] + bytes([gray[10] & 0x7F]) + gray[11:13] + gray[13 + 768 :])


def tiff(tags, data=b"", order="<"):
    """A page of the tags {number: (kind, values)}, behind the data, which begin at byte 8."""
    codes = {1: "B", 3: "H", 4: "I", 16: "Q"}
    place = 8 + len(data) + len(data) % 2
    entries, extra = b"", b""
    behind = place + 2 + 12 * len(tags) + 4
    for number, (kind, values) in sorted(tags.items()):
        packed = b"".join(struct.pack(order + codes[kind], value) for value in values)
        if len(packed) > 4:
            packed, extra = struct.pack(order + "I", behind + len(extra)), extra + packed
        entries += struct.pack(order + "HHI", number, kind, len(values)) + packed.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, place)
    return head + data.ljust(place - 8, b"\0") + struct.pack(order + "H", len(tags)) + entries + bytes(4) + extra


def page(width=4, height=2, bits=8, data=bytes(range(8)), **more):
    tags = {256: (4, [width]), 257: (4, [height]), 258: (3, [bits]), 259: (3, [1]), 262: (3, [1]), 273: (4, [8]),
            277: (3, [1]), 278: (4, [height]), 279: (4, [len(data)])}
    tags.update({int(number[1:]): value for number, value in more.items() if value is not None})
    return {number: value for number, value in tags.items() if f"_{number}" not in more or more[f"_{number}"]}, data


def make_tiff():
    write("tiff/whole_gray", tiff(*page()))
    write("tiff/whole_big_endian", tiff(*page(bits=16, data=bytes(range(16))), order=">"))
    write("tiff/whole_turned", tiff(*page(_274=(3, [6]))))
    deflated = zlib.compress(bytes(range(8)))
    write("tiff/whole_deflated", tiff(*page(data=deflated, _259=(3, [8]))))
    write("tiff/whole_palette", tiff(*page(bits=1, height=1, data=b"\xa0", _262=(3, [3]), _320=(3, [0, 65535] * 3))))
    write("tiff/whole_tiles", tiff(*page(data=bytes(256), _322=(3, [16]), _323=(3, [16]), _324=(4, [8]),
                                         _325=(4, [256]), _273=None, _279=None)))
    write("tiff/whole_cmyk", tiff(*page(width=1, data=bytes(range(8)), _262=(3, [5]), _277=(3, [4]),
                                        _258=(3, [8, 8, 8, 8]))))
    write("tiff/whole_lzw", saved(picture("RGB"), "TIFF", compression="tiff_lzw"))
    write("tiff/whole_jpeg", saved(picture("RGB"), "TIFF", compression="jpeg"))
    write("tiff/whole_fax", saved(picture("L").convert("1"), "TIFF", compression="group4"))
    write("tiff/no_page", b"II*\0\0\0\0\0")
    write("tiff/page_beyond_the_file", b"II*\0\xff\xff\xff\x7f")
    write("tiff/no_size", tiff(*page(_256=None)))
    write("tiff/zero_wide", tiff(*page(width=0)))
    write("tiff/four_billion_wide", tiff(*page(width=2**32 - 1)))
    write("tiff/bomb", tiff(*page(width=9999, height=9999, data=deflated, _259=(3, [8]))))
    write("tiff/strip_beyond_the_file", tiff(*page(_273=(4, [2**31]))))
    write("tiff/strip_cut", tiff(*page(height=200)))
    write("tiff/a_strip_for_each_of_many_rows", tiff(*page(width=1, height=30_000_000, _278=(4, [1]))))
    write("tiff/tile_of_a_terabyte", tiff(*page(_322=(4, [2**20]), _323=(4, [2**20]), _324=(4, [8]), _325=(4, [8]),
                                                _273=None, _279=None)))
    write("tiff/deflate_cut", tiff(*page(data=deflated[:9], _259=(3, [8]))))
    write("tiff/sixty_thousand_samples", tiff(*page(_277=(3, [60000]))))
    write("tiff/floats", tiff(*page(bits=32, _339=(3, [3]))))
    write("tiff/seven_bits", tiff(*page(bits=7)))
    write("tiff/lzma", tiff(*page(_259=(3, [34925]))))
    write("tiff/old_jpeg", tiff(*page(_259=(3, [6]))))
    write("tiff/palette_without_colours", tiff(*page(bits=1, _262=(3, [3]))))
    write("tiff/a_billion_offsets", tiff(*page(_278=(4, [1])))[:-4] + b"\xff\xff\xff\xff")


def chunk(name, data):
    return name + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)


def riff(*chunks):
    body = b"WEBP" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body)) + body


def make_webp():
    lossless = saved(picture("RGB"), "WEBP", lossless=True)
    lossy = saved(picture("RGB"), "WEBP", quality=50)
    write("webp/whole_lossless", lossless)
    write("webp/whole_lossy", lossy)
    write("webp/whole_alpha", saved(picture("RGBA"), "WEBP", quality=50))
    write("webp/whole_animated", saved(picture("RGB"), "WEBP", save_all=True,
                                       append_images=[picture("RGB").rotate(180)]))
    exif = Image.Exif()
    exif[274] = 6
    write("webp/whole_turned", saved(picture("RGB"), "WEBP", exif=exif))
    at = lossless.index(b"VP8L") + 9
    write("webp/bomb", lossless[:at] + struct.pack("<I", 9998 | 9998 << 14) + lossless[at + 4 :])
    write("webp/more_rows_than_codes", lossless[:at] + struct.pack("<I", 4 | 999 << 14) + lossless[at + 4 :])
    write("webp/cut", lossy[:-9])
    write("webp/no_chunk", riff())
    write("webp/features_alone", riff(chunk(b"VP8X", struct.pack("<IHBHB", 0, 9, 0, 9, 0))))
    write("webp/canvas_of_many_pixels", riff(chunk(b"VP8X", b"\2\0\0\0" + b"\xff" * 6), lossless[12:]))
    write("webp/chunk_longer_than_the_file", lossless[:16] + b"\xff\xff\xff\x7f" + lossless[20:])
    write("webp/another_signature", lossless.replace(b"\x2f", b"\x2e", 1))


def make_jpeg():
    gray = (HERE / "jpeg/whole_gray").read_bytes()  # of make_images.py
    scan = gray.index(b"\xff\xda")
    write("jpeg/whole_without_an_end", gray[:-2])
    write("jpeg/whole_bytes_before_the_end", gray[:-2] + b"\x15" * 200 + gray[-2:])
    write("jpeg/whole_bytes_before_a_scan", gray[:scan] + b"\x15" * 200 + gray[scan:])
    write("jpeg/whole_scan_to_coefficient_0", gray[: scan + 8] + b"\0" + gray[scan + 9 :])
    write("jpeg/whole_jfif_9", gray.replace(b"JFIF\0\1", b"JFIF\0\x09", 1))
    frame = gray.index(b"\xff\xc0")
    write("jpeg/bomb", gray[: frame + 5] + b"\x22\x22\x22\x22" + gray[frame + 9 :])
    colour = (HERE / "jpeg/whole_progressive").read_bytes()
    last = colour.rindex(b"\xff\xda")
    write("jpeg/progressive_without_its_last_scan", colour[:last])


def png_chunk(kind, data, crc=None):
    crc = zlib.crc32(kind + data) if crc is None else crc
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", crc)


def png(width, height, bits, colour, *chunks):
    head = png_chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + png_chunk(b"IEND", b"")


def make_png():
    palette = png_chunk(b"PLTE", b"\1\2\3\4\5\6")
    alpha = png_chunk(b"tRNS", b"\x80")
    write("png/index_beyond_the_palette", png(1, 1, 8, 3, palette, png_chunk(b"IDAT", zlib.compress(b"\0\2"))))
    rows = zlib.compress((b"\0" + bytes(1250)) * 10000, 9)
    write("png/indices_of_785_megabytes", png(10000, 10000, 1, 3, palette, alpha, png_chunk(b"IDAT", rows)))
    gray = png_chunk(b"IDAT", zlib.compress(b"\0\1\2", 9))
    write("png/transparency_with_a_wrong_sum", png(2, 1, 8, 0, png_chunk(b"tRNS", b"\0\1", 1), gray))
    write("png/whole_time_with_a_wrong_sum", png(2, 1, 8, 0, png_chunk(b"tIME", bytes(7), 1), gray))
    write("png/whole_text_inflated_to_four_megabytes",
          png(2, 1, 8, 0, png_chunk(b"zTXt", b"a\0\0" + zlib.compress(bytes(4_000_000), 9)), gray))


for make in (make_bmp, make_gif, make_tiff, make_webp, make_jpeg, make_png):
    make()
