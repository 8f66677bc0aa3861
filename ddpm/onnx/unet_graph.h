// The U-Net as a graph of ONNX operators, number for number what diffusers' UNet2DModel computes at
// inference (no dropout).

#pragma once

#include <vector>

#include "ddpm/diffusers/parameters.h"
#include "ddpm/onnx/graph.h"
#include "ddpm/unet/config.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

// The network's inputs are
//   sample        float32 [N, image_channels, height, width], x_t
//   timestep      int64 [N], the network's own times t - 1, in [0, T - 1]
//   class_labels  int64 [N], in [0, classes - 1]; only of a network with classes
// and its output is
//   out_sample    float32 [N, output_channels, height, width], what the network predicts; with a
//                 learned variance the second half of the channels is of the variance
// N is free, the size of the image is not. The parameters are initialisers under their names in
// unet_parameters, of the same shapes; `values` must outlive the graph. Throws InvalidArgument or
// NotFinite if they are not the parameters of this network (check_parameters).
OnnxGraph unet_graph(const UNetConfig& unet, const ParameterViews& values);

}  // namespace ddpm
