#!/usr/bin/env python3
"""The step of train_step.cc in PyTorch's eager mode: one for each line of the standard input.

The network is that of google/ddpm-cifar10-32 in torch.nn, each part by the call that PyTorch
recommends: fused Adam, attention by scaled_dot_product_attention, clipping and average by the
multi-tensor operations. bench/README.md says how to run it.
"""

import argparse
import math
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

TIMES = 1000
PARAMETERS = 35_746_307


class Residual(nn.Module):
    def __init__(self, channels, out, dropout, time=512):
        super().__init__()
        self.norm1 = nn.GroupNorm(32, channels, eps=1e-6)
        self.conv1 = nn.Conv2d(channels, out, 3, padding=1)
        self.time = nn.Linear(time, out)
        self.norm2 = nn.GroupNorm(32, out, eps=1e-6)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out, out, 3, padding=1)
        self.shortcut = nn.Identity() if channels == out else nn.Conv2d(channels, out, 1)

    def forward(self, x, time):
        h = self.conv1(F.silu(self.norm1(x)))
        h = h + self.time(F.silu(time))[:, :, None, None]
        h = self.conv2(self.dropout(F.silu(self.norm2(h))))
        return self.shortcut(x) + h


class Attention(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.norm = nn.GroupNorm(32, channels, eps=1e-6)
        self.q, self.k, self.v, self.out = (nn.Linear(channels, channels) for _ in range(4))

    def forward(self, x):
        h = self.norm(x).flatten(2).transpose(1, 2).unsqueeze(1)
        h = F.scaled_dot_product_attention(self.q(h), self.k(h), self.v(h))
        return x + self.out(h).squeeze(1).transpose(1, 2).reshape(x.shape)


class Block(nn.Module):
    def __init__(self, channels, out, dropout, attention):
        super().__init__()
        self.residual = Residual(channels, out, dropout)
        self.attention = Attention(out) if attention else nn.Identity()

    def forward(self, x, time):
        return self.attention(self.residual(x, time))


class UNet(nn.Module):
    def __init__(self, base=128, multipliers=(1, 2, 2, 2), blocks=2, attention=(1,), dropout=0.1):
        super().__init__()
        self.base = base
        self.time = nn.Sequential(
            nn.Linear(base, 4 * base), nn.SiLU(), nn.Linear(4 * base, 4 * base))
        self.conv_in = nn.Conv2d(3, base, 3, padding=1)
        self.down, self.up = nn.ModuleList(), nn.ModuleList()
        channels, skips, last = base, [base], len(multipliers) - 1
        for i, m in enumerate(multipliers):
            for _ in range(blocks):
                self.down.append(Block(channels, base * m, dropout, i in attention))
                channels = base * m
                skips.append(channels)
            if i < last:
                self.down.append(nn.Conv2d(channels, channels, 3, stride=2))
                skips.append(channels)
        self.middle1 = Block(channels, channels, dropout, True)
        self.middle2 = Block(channels, channels, dropout, False)
        for i, m in reversed(list(enumerate(multipliers))):
            for _ in range(blocks + 1):
                self.up.append(Block(channels + skips.pop(), base * m, dropout, i in attention))
                channels = base * m
            if i > 0:
                self.up.append(nn.Conv2d(channels, channels, 3, padding=1))
        self.norm_out = nn.GroupNorm(32, channels, eps=1e-6)
        self.conv_out = nn.Conv2d(channels, 3, 3, padding=1)

    def forward(self, x, n):
        half = self.base // 2
        f = torch.exp(torch.arange(half) * (-math.log(10000.0) / (half - 1)))
        angle = n[:, None].float() * f[None]
        time = self.time(torch.cat([angle.sin(), angle.cos()], 1))
        h = self.conv_in(x)
        skips = [h]
        for part in self.down:
            h = part(h, time) if isinstance(part, Block) else part(F.pad(h, (0, 1, 0, 1)))
            skips.append(h)
        h = self.middle2(self.middle1(h, time), time)
        for part in self.up:
            if isinstance(part, Block):
                h = part(torch.cat([h, skips.pop()], 1), time)
            else:
                h = part(F.interpolate(h, scale_factor=2.0, mode="nearest"))
        return self.conv_out(F.silu(self.norm_out(h)))


class Step:
    def __init__(self, options):
        self.bf16 = options.precision == "bf16"
        self.format = {"channels-last": torch.channels_last,
                       "contiguous": torch.contiguous_format}[options.layout]
        self.network = UNet().to(memory_format=self.format)
        count = sum(p.numel() for p in self.network.parameters())
        assert count == PARAMETERS, f"wanted {PARAMETERS} parameters, got {count}"
        self.weights = list(self.network.parameters())
        self.averages = [p.detach().clone() for p in self.weights]
        self.adam = torch.optim.Adam(self.weights, lr=2e-4, fused=True)
        alpha_bar = torch.cumprod(1 - torch.linspace(1e-4, 0.02, TIMES, dtype=torch.float64), 0)
        self.signal, self.sigma = alpha_bar.sqrt().float(), (1 - alpha_bar).sqrt().float()
        self.x0 = torch.randn(options.batch_size, 3, 32, 32)

    def __call__(self):
        n = torch.randint(TIMES, (len(self.x0),))
        eps = torch.randn_like(self.x0)
        x_t = self.signal[n, None, None, None] * self.x0 + self.sigma[n, None, None, None] * eps
        self.adam.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            output = self.network(x_t.to(memory_format=self.format), n)
        loss = F.mse_loss(output.float(), eps)
        loss.backward()
        nn.utils.clip_grad_norm_(self.weights, 1.0, foreach=True)
        self.adam.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.averages, self.weights, 1 - 0.9999)
        return loss.item()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch-size", type=int, default=16)
    parser.add_argument("--threads", type=int, default=0, help="0: as many as there are cores")
    parser.add_argument("--precision", choices=["fp32", "bf16"], default="fp32")
    parser.add_argument("--layout", choices=["channels-last", "contiguous"],
                        default="channels-last")
    options = parser.parse_args()
    if options.threads > 0:
        torch.set_num_threads(options.threads)
    torch.manual_seed(1)
    step = Step(options)
    print("ready", PARAMETERS, flush=True)
    for _ in sys.stdin:
        began = time.perf_counter()
        loss = step()
        print(f"{time.perf_counter() - began:.6g} {loss:.6g}", flush=True)


if __name__ == "__main__":
    main()
