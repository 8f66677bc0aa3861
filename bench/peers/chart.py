"""The picture: a bar for each contender's time an image, a panel for each network, batch and precision."""

from PIL import Image, ImageDraw, ImageFont

from contenders import OURS

# of the palette of ddpm/report, which colour-blind people can tell apart
COLOURS = {"ddpm": (213, 94, 0), "pytorch": (0, 114, 178), "pytorch-channels-last": (86, 180, 233),
           "pytorch-compile": (0, 158, 115), "openvino": (204, 121, 167), "onnxruntime": (230, 159, 0)}
INK, FAINT, PAPER = (30, 30, 30), (190, 190, 190), (255, 255, 255)
PANEL = 720  # pixels, as all below
LABELS = 190  # the names, left of the bars
NUMBERS = 240  # the times, right of them
ROW = 22
TITLE = 30
GAP = 18
HEAD = 64


def panels_of(results):
    """Rows of panels, left float32 and right bfloat16: (title, rows of the summary)."""
    for setting in results["settings"]:
        title = f"{setting['network']}, batch {setting['batch']}"
        yield [(f"{title}, {precision}", [row for row in setting["rows"] if row["precision"] == precision])
               for precision in ("fp32", "bf16")]


def milliseconds(value):
    return f"{value:.3g} ms" if value < 100 else f"{value:.0f} ms"


def draw_panel(draw, left, top, title, rows, fonts):
    draw.text((left, top + 4), title, fill=INK, font=fonts["bold"])
    longest = max((row["high"] for row in rows), default=1.0)
    x0, width = left + LABELS, PANEL - LABELS - NUMBERS
    y = top + TITLE
    draw.line((x0, y, x0, y + ROW * len(rows)), fill=FAINT)
    for row in rows:
        middle = y + ROW // 2
        place = {low: x0 + round(width * row[low] / longest) for low in ("low", "median", "high")}
        draw.text((x0 - 8, middle), row["system"], fill=INK, font=fonts["plain"], anchor="rm")
        draw.rectangle((x0, y + 3, max(place["median"], x0 + 1), y + ROW - 4), fill=COLOURS[row["system"]])
        draw.line((place["low"], middle, place["high"], middle), fill=INK, width=2)  # 10 % to 90 %
        label = milliseconds(row["median"])
        if row["to_best"] and row["system"] == OURS:
            label += f", {row['to_best']:.2f} x the best peer's speed"
        draw.text((place["high"] + 8, middle), label, fill=INK, font=fonts["plain"], anchor="lm")
        y += ROW


def draw(results, path):
    fonts = {"plain": ImageFont.load_default(14), "bold": ImageFont.load_default(16), "large": ImageFont.load_default(20)}
    layout = list(panels_of(results))
    heights = [TITLE + ROW * max(len(rows) for _, rows in panels) + GAP for panels in layout]
    image = Image.new("RGB", (2 * PANEL + 3 * GAP, HEAD + sum(heights) + GAP), PAPER)
    canvas = ImageDraw.Draw(image)
    machine = results["machine"]
    canvas.text((GAP, 10), "Milliseconds an image of one network call: shorter is faster", fill=INK, font=fonts["large"])
    note = f"{machine['cpu']}, {results['threads']} threads; bar: median, line: 10 % to 90 %"
    canvas.text((GAP, 38), note + ("; a quick run, no measurement" if results["quick"] else ""), fill=INK, font=fonts["plain"])
    top = HEAD
    for panels, height in zip(layout, heights):
        for column, (title, rows) in enumerate(panels):
            draw_panel(canvas, GAP + column * (PANEL + GAP), top, title, rows, fonts)
        top += height
    image.save(path)
