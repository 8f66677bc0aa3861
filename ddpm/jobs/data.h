// The images that jobs read.

#pragma once

#include <cstdint>
#include <string>

#include "ddpm/data/dataset.h"
#include "ddpm/data/source.h"
#include "ddpm/jobs/watch.h"
#include "ddpm/unet/config.h"

namespace ddpm {

inline constexpr double kMaxBadFiles = 0.01;  // a default: the fraction that may be unreadable

// Of images that are given to a network: with its extents and channels.
DataOptions data_of_network(const std::string& spec, Fit fit, double max_bad_files,
                            const UNetConfig& unet);

// For a job that needs few of the images: decoded ones are kept up to 256 MiB, not up to half of
// the memory, as is right for training. Those beyond are decoded again when they are read.
DataOptions for_few_images(DataOptions options);

// open_dataset with its progress, which counts images; throws what open_dataset throws, and
// Stopped.
Dataset open_dataset(const DataOptions& options, const Watch& watch);

}  // namespace ddpm
