// Any names and shapes as another system's state dictionary: refused with an error, or every
// parameter of the network that they tell of has its tensor there.
//
// The input is lines "name extent extent ..", behind a first character that picks the system.

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"
#include "ddpm/convert/settings.h"
#include "ddpm/convert/tensors.h"

namespace {

ddpm::Shapes shapes_from(std::string_view text) {
  ddpm::Shapes shapes;
  for (const std::string& line : ddpm::split(text, '\n')) {
    const std::vector<std::string> words = ddpm::split(line, ' ');
    if (words.empty()) continue;
    std::vector<int64_t>& shape = shapes[words[0]];
    for (size_t i = 1; i < words.size() && shape.size() < 8; ++i) {
      const auto extent = ddpm::parse_int(words[i]);
      if (extent && *extent >= 0) shape.push_back(*extent);
    }
  }
  return shapes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  constexpr ddpm::SourceSystem kSystems[] = {
      ddpm::SourceSystem::kImprovedDiffusion, ddpm::SourceSystem::kGuidedDiffusion,
      ddpm::SourceSystem::kDdpmTorch, ddpm::SourceSystem::kLucidrains};
  const ddpm::SourceSystem system = kSystems[data[0] % std::size(kSystems)];
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    const auto dictionary = ddpm::read_state_dictionary(shapes_from(text), system, "fuzz");
    const ddpm::SourceLayout layout = ddpm::source_layout(dictionary, system);
    ddpm::ConvertSettings settings;
    settings.image_size = 64;
    const ddpm::SettledModel settled = ddpm::settle(layout, system, settings);
    for (const auto& source : ddpm::tensor_sources(dictionary, layout, settled.model.unet)) {
      DDPM_ASSERT(source.theirs.empty() || dictionary.has(source.theirs));
    }
  } catch (const ddpm::FormatError&) {
  } catch (const ddpm::InvalidArgument&) {
  }
  return 0;
}
