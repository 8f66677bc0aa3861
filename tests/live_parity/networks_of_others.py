"""Published networks as settings of diffusers' UNet2DModel, and random weights for any such settings."""

import torch
from diffusers import UNet2DModel

# google/ddpm-cifar10-32 and google/ddpm-celebahq-256
CIFAR = dict(
    sample_size=32, freq_shift=1, flip_sin_to_cos=False, downsample_padding=0, attention_head_dim=None, norm_eps=1e-6,
    block_out_channels=(128, 256, 256, 256),
    down_block_types=("DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"))
CELEBA = CIFAR | dict(
    sample_size=256, block_out_channels=(128, 128, 256, 256, 512, 512),
    down_block_types=("DownBlock2D",) * 4 + ("AttnDownBlock2D", "DownBlock2D"),
    up_block_types=("UpBlock2D", "AttnUpBlock2D") + ("UpBlock2D",) * 4)


def random_network(config, seed):
    """Every parameter random and none zero, of a size that keeps the activations'."""
    torch.manual_seed(seed)
    network = UNet2DModel(**config).eval()
    with torch.no_grad():
        for parameter in network.parameters():
            if parameter.dim() > 1:
                fan_in = parameter[0].numel()
                parameter.normal_(0.0, fan_in ** -0.5)
            else:
                parameter.add_(0.1 * torch.randn_like(parameter))
    return network
