#include "ddpm/diffusers/parameters.h"

#include <gtest/gtest.h>

#include "ddpm/base/check.h"
#include "ddpm/formats/safetensors.h"
#include "ddpm/testing/hasty_files.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_unet.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {
namespace {

TEST(Parameters, SetsOfOneFileAreToldApartByTheirPrefix) {
  const TemporaryFolder scratch;
  const UNetConfig unet = toy_unet();
  const ParameterValues a = toy_values(unet, 1.0);
  const ParameterValues b = toy_values(unet, 2.5);
  const auto path = scratch.path() / "f.safetensors";
  hasty_files().write(
      path, as_bytes(encode_parameters(unet, {{"a.", views_of(a)}, {"b.", views_of(b)}})));
  const std::vector<std::string> only_a = {"a."};
  const std::vector<std::string> only_b = {"b."};
  EXPECT_EQ(read_parameters(path, unet, "a.", only_b), a);
  EXPECT_EQ(read_parameters(path, unet, "b.", only_a), b);
  try {
    read_parameters(path, unet, "a.");
    FAIL() << "b is left over";
  } catch (const FormatError& error) {
    const std::string message = error.what();
    EXPECT_NE(message.find("b.conv_in.bias left over"), std::string::npos) << message;
    EXPECT_NE(message.find(concat("this network: ", b.size(), " left over; ")), std::string::npos)
        << message;
    EXPECT_EQ(message.substr(message.size() - 4), "; ..") << message;  // more than ten
  }
}

TEST(Parameters, HalfPrecisionIsReadAsFloat32) {
  const TemporaryFolder scratch;
  const UNetConfig unet = toy_unet();
  const uint16_t one_and_a_half = 0x3fc0;  // bfloat16 is the upper half of a float32
  std::vector<TensorToWrite> tensors;
  std::vector<std::vector<uint16_t>> values;
  for (const NamedShape& parameter : unet_parameters(unet)) {
    size_t count = 1;
    for (const int64_t extent : parameter.shape) count *= static_cast<size_t>(extent);
    values.emplace_back(count, one_and_a_half);
  }
  size_t i = 0;
  for (const NamedShape& parameter : unet_parameters(unet)) {
    tensors.push_back({.name = parameter.name,
                       .dtype = DType::kBF16,
                       .shape = parameter.shape,
                       .bytes = std::as_bytes(std::span<const uint16_t>(values[i++]))});
  }
  const auto path = scratch.path() / "f.safetensors";
  hasty_files().write(path, as_bytes(encode_safetensors(tensors)));
  for (const std::vector<float>& one : read_parameters(path, unet)) {
    EXPECT_EQ(one, std::vector<float>(one.size(), 1.5f));
  }
}

}  // namespace
}  // namespace ddpm
