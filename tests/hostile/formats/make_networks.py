"""Writes the files of tests/hostile/formats/compiled_unet: bytes that compiled_unet_fuzz.cc reads as a
legal network, a call and weights of each odd kind. The order of the bytes is that of its functions.

    python3 make_networks.py
"""

import pathlib

FOLDER = pathlib.Path(__file__).parent / "compiled_unet"
ORDINARY, NAN, INFINITY, LARGEST, DENORMAL = (None, 0, 1, 3, 5)


def level(channels, groups, attention=True, block=0):
    """A level of groups * channels; `block`: 1 resamples inside a residual block."""
    return [1, channels - 1, 0 if attention else 1, 0 if attention else 1, block, block]


def config(channels=(4, 5), groups=3, height=3, width=2, block=0, heads=0, scale_shift=0, classes=0, times=0, image=3):
    data = [image, groups - 1, len(channels) - 1]
    for number, one in enumerate(channels):
        data += level(one, groups, number > 0, block)
    data += [height - 1, 1, width - 1]
    data += [1, 1, 1, 1, groups, 1, heads, scale_shift, 1, 0]
    return data + [7, 1, 0] + ([0, times - 1] if times else [1]) + [classes]


def numbers(odd, seldom=3, scale=(1,)):
    return [1, 2, 3, 4, 0 if odd is None else seldom, odd or 0, 1, *scale]


def call(n, threads, classes, odd, time, label):
    data = [n - 1, threads - 1]
    for i in range(n):
        data += [time or i % 3] + ([label] if classes else [])
    return data + numbers(odd, 5)


def network(weights=ORDINARY, images=ORDINARY, n=3, threads=2, narrow=0, path=0, scale=(1,), time=0, label=1, **of_config):
    data = config(**of_config) + call(n, threads, of_config.get("classes", 0), images, time, label)
    return bytes(data + [narrow, 2, path] + numbers(weights, 1, scale))


FILES = {
    "ordinary": network(),
    "ordinary_bfloat16": network(narrow=1, path=3, n=4, threads=3),
    "ordinary_heads_and_classes": network(heads=5, classes=3, scale_shift=1, block=1),
    "ordinary_table_of_times": network(times=3, channels=(6, 4, 5), groups=2, height=4, width=4, path=2),
    "nan_in_images": network(images=NAN),
    "infinity_in_images": network(images=INFINITY, path=1, heads=4),
    "nan_in_weights": network(weights=NAN, path=2),
    "infinity_in_weights_bfloat16": network(weights=INFINITY, narrow=1, path=1),
    "largest_in_weights": network(weights=LARGEST, path=3),
    "denormal_in_weights": network(weights=DENORMAL, images=DENORMAL),
    "huge_weights": network(scale=(0, 1)),
    "tiny_weights": network(scale=(0, 0)),
    "five_images_of_four": network(n=5),
    "no_channels": network(image=0),
    "a_label_too_many": network(classes=3, label=15),
    "a_time_before_the_first": network(times=2, time=14),
}

FOLDER.mkdir(exist_ok=True)
for name, data in FILES.items():
    (FOLDER / name).write_bytes(data)
