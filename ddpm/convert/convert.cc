#include "ddpm/convert/convert.h"

#include "ddpm/base/check.h"
#include "ddpm/base/finite.h"
#include "ddpm/base/streamed_file.h"
#include "ddpm/base/text.h"
#include "ddpm/convert/tensors.h"
#include "ddpm/diffusers/model_files.h"
#include "ddpm/formats/safetensors.h"
#include "ddpm/unet/parameters.h"

namespace ddpm {

namespace fs = std::filesystem;

namespace {

std::vector<float> finite_floats(const SafetensorsFile& file, const std::string& name,
                                 const std::string& who) {
  std::vector<float> values = file.floats(name, who);
  if (!all_finite(std::span<const float>(values))) {
    throw NotFinite(who + " has values that are not finite");
  }
  return values;
}

// The parameters of ours, each by its source.
ParameterValues values_from(const SafetensorsFile& file, const StateDictionary& dictionary,
                            const std::vector<TensorSource>& sources, const SettledModel& settled) {
  const UNetConfig& unet = settled.model.unet;
  const std::vector<NamedShape> parameters = unet_parameters(unet);
  ParameterValues values;
  for (size_t i = 0; i < sources.size(); ++i) {
    const TensorSource& source = sources[i];
    if (source.theirs.empty()) {
      values.push_back(rescaled_time_table(unet.learned_times, unet.base_channels()));
      continue;
    }
    const std::string name = dictionary.prefix + source.theirs;
    values.push_back(finite_floats(file, name, concat(dictionary.who, ": ", name)));
    if (source.piece == Piece::kWhole) continue;
    const int64_t channels = parameters[i].shape[0];
    values.back() = rows_of_piece(values.back(), channels, unet.heads_at(channels), settled.order,
                                  source.piece);
  }
  return values;
}

}  // namespace

ConvertedModel convert_weights(const fs::path& weights, SourceSystem system,
                               const ConvertSettings& settings) {
  const SafetensorsFile file(weights);
  Shapes shapes;
  for (const auto& [name, tensor] : file.tensors()) shapes[name] = tensor.shape;
  const StateDictionary dictionary = read_state_dictionary(shapes, system, weights.string());
  const SourceLayout layout = source_layout(dictionary, system);
  SettledModel settled = settle(layout, system, settings);
  const auto sources = tensor_sources(dictionary, layout, settled.model.unet);
  return {.system = system,
          .model = settled.model,
          .values = values_from(file, dictionary, sources, settled),
          .assumed = std::move(settled.assumed),
          .prefix = dictionary.prefix,
          .taken = std::ssize(dictionary.shapes),
          .outside = dictionary.outside};
}

void write_converted(const fs::path& path, const ConvertedModel& converted, FileLayer& files) {
  const ModelConfig& model = converted.model;
  const auto texts = diffusers_texts(model);
  const auto fill = [&](const fs::path& folder) {
    const auto file_in = [&](const std::string& name) {
      fs::path file = folder / name;
      if (file.parent_path() != folder) files.make_folder(file.parent_path());
      return file;
    };
    for (const auto& [name, text] : texts) files.write(file_in(name), as_bytes(text));
    StreamedFile weights(file_in(kDiffusersWeightsName), files);
    stream_parameters(model.unet, {{"", views_of(converted.values)}},
                      [&](std::span<const std::byte> piece) { weights.add(piece); },
                      {{"converted_from", to_string(converted.system)}});
    weights.finish();
  };
  write_folder_whole(path, fill, files);
}

}  // namespace ddpm
