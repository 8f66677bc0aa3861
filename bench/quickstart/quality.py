"""How good are samples of Fashion-MNIST? The Frechet distance of a small classifier's features.

    python quality.py SAMPLES.npz [SAMPLES.npz ..]

The classifier (four convolutions, 128 features before the last layer) is trained here on the labelled training
images, three epochs, seed 0, and kept in features.pt. The distance is between the features of all 60,000
training images and those of the samples (uint8 arr_0, [N, 28, 28, 1]), with float64 statistics. For scale: the
10,000 test images have about 0.4, 2,000 training images about 2.2, which is what 2,000 perfect samples would
have. Only numbers that were made with the same number of samples can be compared.

Needs torch and numpy, and the files of the Debian package dataset-fashion-mnist.
"""

import gzip
import os
import sys

import numpy as np
import torch
from torch import nn

FOLDER = "/usr/share/datasets/fashion-mnist/"
CACHE = os.path.join(os.environ.get("QUALITY_CACHE", os.path.dirname(os.path.abspath(__file__))), "features.pt")


def read(name, header):
    with gzip.open(FOLDER + name + ".gz") as file:
        return torch.from_numpy(np.frombuffer(file.read(), np.uint8, offset=header).copy())


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        layers = []
        channels = 1
        for width in (32, 64):
            for _ in range(2):
                layers += [nn.Conv2d(channels, width, 3, padding=1), nn.ReLU()]
                channels = width
            layers.append(nn.MaxPool2d(2))
        self.features = nn.Sequential(*layers, nn.Flatten(), nn.Linear(64 * 49, 128), nn.ReLU())
        self.head = nn.Linear(128, 10)


def to_unit(bytes_):
    return bytes_.reshape(-1, 1, 28, 28).float() / 127.5 - 1


def train():
    torch.manual_seed(0)
    model = Classifier()
    images, labels = to_unit(read("train-images-idx3-ubyte", 16)), read("train-labels-idx1-ubyte", 8).long()
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for _ in range(3):
        for batch in torch.randperm(len(images)).split(128):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model.head(model.features(images[batch])), labels[batch])
            loss.backward()
            optimizer.step()
        for group in optimizer.param_groups:
            group["lr"] *= 0.3
    with torch.no_grad():
        train_features = torch.cat([model.features(part) for part in images.split(500)]).double()
    torch.save({"model": model.state_dict(), "mean": train_features.mean(0), "covariance": torch.cov(train_features.T)},
               CACHE)


def frechet(mean_a, covariance_a, mean_b, covariance_b):
    values, vectors = torch.linalg.eigh(covariance_a)
    root = vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
    cross = torch.linalg.eigvalsh(root @ covariance_b @ root).clamp(min=0).sqrt().sum()
    return float(((mean_a - mean_b) ** 2).sum() + covariance_a.trace() + covariance_b.trace() - 2 * cross)


def main():
    torch.set_num_threads(2)
    if not os.path.exists(CACHE):
        train()
    saved = torch.load(CACHE)
    model = Classifier()
    model.load_state_dict(saved["model"])
    for name in sys.argv[1:]:
        samples = to_unit(torch.from_numpy(np.load(name)["arr_0"]))
        with torch.no_grad():
            features = torch.cat([model.features(part) for part in samples.split(500)]).double()
        distance = frechet(saved["mean"], saved["covariance"], features.mean(0), torch.cov(features.T))
        print(f"{name}: {distance:.2f} ({len(samples)} samples)", flush=True)


if __name__ == "__main__":
    main()
