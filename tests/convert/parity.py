#!/usr/bin/env python3
"""Networks of other systems against what `ddpm convert` makes of them, by diffusers.

    python3 tests/convert/parity.py build/release/ddpm

Each network is small and has random weights; its modules are named so that its state dictionary has
the names of the system. It and diffusers' UNet2DModel of the converted checkpoint compute in float64.
Exits with 1 if a difference is above 1e-6 of the largest output. Wanted are the Python packages torch,
diffusers and safetensors.
"""

import argparse
import math
import os
import subprocess
import sys
import tempfile

import torch
import torch.nn.functional as F
from torch import nn


class Seq(nn.Sequential):
    def forward(self, x, e):
        for m in self:
            x = m(x, e) if isinstance(m, (Res, Att)) else m(x)
        return x


def upsampled(x):
    return x.repeat_interleave(2, 2).repeat_interleave(2, 3)


def embedding(times, channels, shift, cosine_first):
    half = channels // 2
    i = torch.arange(half, dtype=torch.float32)
    a = times.float()[:, None] * torch.exp(-math.log(10000) * i / (half - shift))[None]
    waves = [a.cos(), a.sin()] if cosine_first else [a.sin(), a.cos()]
    return torch.cat(waves, 1).double()


class Res(nn.Module):
    """A residual block of OpenAI's systems."""

    def __init__(self, c, o, e, film, sample=None):
        super().__init__()
        conv_in, conv_out = nn.Conv2d(c, o, 3, padding=1), nn.Conv2d(o, o, 3, padding=1)
        norm_in, norm_out = nn.GroupNorm(32, c, 1e-5), nn.GroupNorm(32, o, 1e-5)
        self.in_layers = nn.Sequential(norm_in, nn.SiLU(), conv_in)
        self.emb_layers = nn.Sequential(nn.SiLU(), nn.Linear(e, 2 * o if film else o))
        self.out_layers = nn.Sequential(norm_out, nn.SiLU(), nn.Identity(), conv_out)
        if c != o:
            self.skip_connection = nn.Conv2d(c, o, 1)
        self.film, self.sample, self.same = film, sample, c == o

    def resampled(self, x):
        if self.sample == "down":
            return F.avg_pool2d(x, 2)
        return upsampled(x) if self.sample == "up" else x

    def forward(self, x, e):
        h = self.in_layers[2](self.resampled(F.silu(self.in_layers[0](x))))
        x = self.resampled(x)
        e = self.emb_layers(e)[:, :, None, None]
        if self.film:
            scale, shift = e.split(e.shape[1] // 2, 1)
            h = self.out_layers[0](h) * (1 + scale) + shift
        else:
            h = self.out_layers[0](h + e)
        h = self.out_layers[3](F.silu(h))
        return h + (x if self.same else self.skip_connection(x))


class Att(nn.Module):
    def __init__(self, c, heads, order):
        super().__init__()
        self.norm = nn.GroupNorm(32, c, 1e-5)
        self.qkv = nn.Conv1d(c, 3 * c, 1)
        self.proj_out = nn.Conv1d(c, c, 1)
        self.heads, self.order = heads, order

    def forward(self, x, e):
        b, c, h, w = x.shape
        d = c // self.heads
        rows = self.qkv(self.norm(x).flatten(2))
        if self.order == "legacy":
            q, k, v = rows.view(b, self.heads, 3, d, -1).unbind(2)
        else:
            q, k, v = rows.view(b, 3, self.heads, d, -1).unbind(1)
        weights = torch.softmax(q.transpose(-1, -2) @ k / math.sqrt(d), -1)
        out = (v @ weights.transpose(-1, -2)).reshape(b, c, -1)
        return x + self.proj_out(out).view(b, c, h, w)


class Down(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.op = nn.Conv2d(c, c, 3, 2, 1)

    def forward(self, x):
        return self.op(x)


class Up(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv = nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        return self.conv(upsampled(x))


class OpenaiUNet(nn.Module):
    def __init__(self, ch, mult, n, attended, heads=None, width=None, order="legacy", film=True,
                 learned=True, classes=0, in_block=False, image=3):
        super().__init__()
        self.ch, e = ch, 4 * ch

        def att(c):
            return Att(c, c // width if width else heads, order)

        def block(i, c):
            res = Res(c, mult[i] * ch, e, film)
            return [res, att(mult[i] * ch)] if i in attended else [res]

        self.time_embed = nn.Sequential(nn.Linear(ch, e), nn.SiLU(), nn.Linear(e, e))
        if classes:
            self.label_emb = nn.Embedding(classes, e)
        c, skips = ch, [ch]
        self.input_blocks = nn.ModuleList([Seq(nn.Conv2d(image, ch, 3, padding=1))])
        for i, m in enumerate(mult):
            for _ in range(n):
                self.input_blocks.append(Seq(*block(i, c)))
                c = m * ch
                skips.append(c)
            if i < len(mult) - 1:
                down = Res(c, c, e, film, "down") if in_block else Down(c)
                self.input_blocks.append(Seq(down))
                skips.append(c)
        self.middle_block = Seq(Res(c, c, e, film), att(c), Res(c, c, e, film))
        self.output_blocks = nn.ModuleList()
        for i in reversed(range(len(mult))):
            for j in range(n + 1):
                layers = block(i, c + skips.pop())
                c = mult[i] * ch
                if i and j == n:
                    layers.append(Res(c, c, e, film, "up") if in_block else Up(c))
                self.output_blocks.append(Seq(*layers))
        last = nn.Conv2d(c, image * (2 if learned else 1), 3, padding=1)
        self.out = nn.Sequential(nn.GroupNorm(32, c, 1e-5), nn.SiLU(), last)

    def forward(self, x, times, y=None):
        e = self.time_embed(embedding(times, self.ch, 0, True))
        if y is not None:
            e = e + self.label_emb(y)
        hs, h = [], x
        for block in self.input_blocks:
            h = block(h, e)
            hs.append(h)
        h = self.middle_block(h, e)
        for block in self.output_blocks:
            h = block(torch.cat([h, hs.pop()], 1), e)
        return self.out(h)


class TorchRes(nn.Module):
    """A residual block of ddpm-torch."""

    def __init__(self, c, o, e):
        super().__init__()
        self.norm1, self.norm2 = nn.GroupNorm(32, c, 1e-6), nn.GroupNorm(32, o, 1e-6)
        self.conv1, self.conv2 = nn.Conv2d(c, o, 3, padding=1), nn.Conv2d(o, o, 3, padding=1)
        self.fc = nn.Linear(e, o)
        self.skip = nn.Identity() if c == o else nn.Conv2d(c, o, 1)

    def forward(self, x, e):
        h = self.conv1(F.silu(self.norm1(x))) + self.fc(F.silu(e))[:, :, None, None]
        return self.skip(x) + self.conv2(F.silu(self.norm2(h)))


class TorchAtt(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.norm = nn.GroupNorm(32, c, 1e-6)
        self.project_in, self.project_out = nn.Conv2d(c, 3 * c, 1), nn.Conv2d(c, c, 1)

    def forward(self, x, e):
        b, c, h, w = x.shape
        q, k, v = self.project_in(self.norm(x)).flatten(2).split(c, 1)
        weights = torch.softmax(q.transpose(1, 2) @ k / math.sqrt(c), -1)
        return x + self.project_out((v @ weights.transpose(1, 2)).view(b, c, h, w))


class TorchSeq(nn.Sequential):
    def forward(self, x, e):
        for m in self:
            x = m(x, e)
        return x


class TorchUNet(nn.Module):
    def __init__(self, ch, mult, n, attended, image=3):
        super().__init__()
        self.ch, self.n, e, levels = ch, n, 4 * ch, len(mult)
        self.embed = nn.Sequential(nn.Linear(ch, e), nn.SiLU(), nn.Linear(e, e))
        self.in_conv = nn.Conv2d(image, ch, 3, padding=1)

        def block(i, c):
            res = TorchRes(c, mult[i] * ch, e)
            return TorchSeq(res, TorchAtt(mult[i] * ch)) if i in attended else res

        self.downsamples, self.upsamples = nn.ModuleDict(), nn.ModuleDict()
        c, skips = ch, [ch]
        for i, m in enumerate(mult):
            level = nn.ModuleList()
            for _ in range(n):
                level.append(block(i, c))
                c = m * ch
                skips.append(c)
            if i < levels - 1:
                level.append(nn.Sequential(nn.ZeroPad2d((0, 1, 0, 1)), nn.Conv2d(c, c, 3, 2)))
                skips.append(c)
            self.downsamples[f"level_{i}"] = level
        self.middle = TorchSeq(TorchRes(c, c, e), TorchAtt(c), TorchRes(c, c, e))
        for i in reversed(range(levels)):
            level = nn.ModuleList()
            for _ in range(n + 1):
                level.append(block(i, c + skips.pop()))
                c = mult[i] * ch
            if i:
                up = nn.Conv2d(c, c, 3, padding=1)
                level.append(nn.Sequential(nn.Upsample(scale_factor=2), up))
            self.upsamples[f"level_{i}"] = level
        last = nn.Conv2d(c, image, 3, padding=1)
        self.out_conv = nn.Sequential(nn.GroupNorm(32, c, 1e-6), nn.SiLU(), last)

    def forward(self, x, times, y=None):
        e = self.embed(embedding(times, self.ch, 1, False))
        hs, h = [self.in_conv(x)], None
        for level in self.downsamples.values():
            for j, m in enumerate(level):
                hs.append(m(hs[-1], e) if j < self.n else m(hs[-1]))
        h = self.middle(hs[-1], e)
        for level in self.upsamples.values():
            for j, m in enumerate(level):
                h = m(torch.cat([h, hs.pop()], 1), e) if j <= self.n else m(h)
        return self.out_conv(h)


def random_weights(net, seed):
    """Outputs of scale 1 and attention that looks at several places, so that a wrong order shows."""
    g = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in net.named_parameters():
            fan = p[0].numel() if p.dim() > 1 else 1
            scale = 0.3 if p.dim() < 2 else fan**-0.5
            p.copy_(scale * torch.randn(p.shape, generator=g, dtype=torch.float64))
            if p.dim() == 1 and name.endswith("weight"):
                p.add_(1)
            if "label_emb" in name:
                p.mul_(8)
            if "qkv" in name or "project_in" in name:
                p.mul_(2)


# Class, its arguments, T, and the flags of `ddpm convert`. Images have 16 x 16 pixels.
IMPROVED, GUIDED, TORCH = ["improved-diffusion"], ["openai-guided"], ["ddpm-torch"]
LONG = ["--T", "4000", "--schedule", "cosine"]
CASES = {
    "improved-diffusion, scale and shift, 4 heads, T = 4000 rescaled": (
        OpenaiUNet, dict(ch=32, mult=(1, 2, 2), n=2, attended=(1, 2), heads=4), 4000,
        IMPROVED + LONG),
    "improved-diffusion, T = 250 rescaled": (
        OpenaiUNet, dict(ch=32, mult=(1, 2), n=1, attended=(1,), heads=4), 250,
        IMPROVED + ["--T", "250"]),
    "improved-diffusion, added times, 1 head": (
        OpenaiUNet, dict(ch=64, mult=(1, 2, 3), n=1, attended=(1,), heads=1, film=False,
                         learned=False), 1000, IMPROVED + ["--heads", "1"]),
    "improved-diffusion, classes, T = 4000 as it is, 3 blocks": (
        OpenaiUNet, dict(ch=32, mult=(1, 2), n=3, attended=(1,), heads=4, classes=10), 4000,
        IMPROVED + LONG + ["--no-rescale-timesteps"]),
    "openai-guided, resampling in blocks, heads of 32, legacy order": (
        OpenaiUNet, dict(ch=32, mult=(1, 2, 3), n=2, attended=(1, 2), width=32, in_block=True),
        1000, GUIDED + ["--head-channels", "32"]),
    "openai-guided, the same with classes in the new order": (
        OpenaiUNet, dict(ch=32, mult=(1, 2, 3), n=1, attended=(1, 2), width=32, order="new",
                         in_block=True, classes=7), 1000,
        GUIDED + ["--head-channels", "32", "--attention-order", "new"]),
    "openai-guided, convolutions, 2 heads, one attended level of three": (
        OpenaiUNet, dict(ch=32, mult=(1, 2, 2), n=2, attended=(2,), heads=2), 1000,
        GUIDED + ["--heads", "2"]),
    "ddpm-torch": (
        TorchUNet, dict(ch=32, mult=(1, 2, 2), n=2, attended=(1,)), 1000, TORCH),
    "ddpm-torch, gray images, two attended levels": (
        TorchUNet, dict(ch=64, mult=(1, 1, 2), n=1, attended=(0, 2), image=1), 1000, TORCH),
}
SIZE = 16


def compare(program, name, folder):
    """The largest difference and the largest output."""
    from diffusers import UNet2DModel
    from safetensors.torch import save_file

    kind, arguments, T, flags = CASES[name]
    net = kind(**arguments).double()
    random_weights(net, 7)
    net.float().double()  # as the file has them
    path = os.path.join(folder, name.replace(" ", "_").replace(",", ""))
    weights = {key: value.float().contiguous() for key, value in net.state_dict().items()}
    save_file(weights, path + ".safetensors")
    command = [program, "convert", "--from", *flags, "--image-size", str(SIZE),
               "--weights", path + ".safetensors", "--out", path]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    converted = UNet2DModel.from_pretrained(path, subfolder="unet", low_cpu_mem_usage=False)
    n = torch.tensor([0, 1, T // 3, T // 2, T - 2, T - 1])
    g = torch.Generator().manual_seed(1)
    x = torch.randn(len(n), arguments.get("image", 3), SIZE, SIZE, generator=g, dtype=torch.float64)
    y = torch.arange(len(n)) if arguments.get("classes") else None
    rescaled = flags[0] == "improved-diffusion" and "--no-rescale-timesteps" not in flags
    times = n.float() * (1000.0 / T) if rescaled else n.float()
    with torch.no_grad():
        wanted = net(x, times, y)
        got = converted.double().eval()(x, n, class_labels=y).sample
    return (wanted - got).abs().max().item(), wanted.abs().max().item()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("program", help="the program ddpm")
    program = os.path.abspath(parser.parse_args().program)
    torch.set_num_threads(1)
    worst = 0.0
    print("| network | largest difference | largest output |\n|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for name in CASES:
            difference, largest = compare(program, name, folder)
            print(f"| {name} | {difference:.1e} | {largest:.1f} |", flush=True)
            worst = max(worst, difference / largest)
    return int(worst > 1e-6)


if __name__ == "__main__":
    sys.exit(main())
