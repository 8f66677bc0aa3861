#include "ddpm/jobs/convert.h"

namespace ddpm {

ConvertedModel convert(const ConvertRequest& request, const Watch& watch) {
  ConvertedModel converted = convert_weights(request.weights, request.system, request.settings);
  begin(watch, "");
  std::filesystem::create_directories(std::filesystem::absolute(request.out).parent_path());
  write_converted(request.out, converted);
  return converted;
}

}  // namespace ddpm
