// The forward process on an image of one's own: a disc that turns into noise, as a PNG file.

#include <cmath>
#include <iostream>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/data/transform.h"
#include "ddpm/diffusion/process.h"
#include "ddpm/diffusion/schedule_kinds.h"
#include "ddpm/formats/png.h"
#include "ddpm/plot/image_grid.h"
#include "ddpm/random/stream.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "use_the_library: wanted the name of the PNG file to write\n";
    return 2;
  }
  constexpr int64_t kSide = 32;
  ddpm::Batch x0({1, 1, kSide, kSide});
  for (int64_t i = 0; i < kSide * kSide; ++i) {
    const double y = static_cast<double>(i / kSide) - 15.5;
    const double x = static_cast<double>(i % kSide) - 15.5;
    x0.values()[static_cast<size_t>(i)] = std::hypot(x, y) < 10.0 ? 1.0F : -1.0F;
  }

  const ddpm::Schedule schedule = ddpm::cosine_schedule(1000);
  ddpm::Batch eps(x0.shape());
  ddpm::fill_normal({/*seed=*/1, ddpm::Purpose::kForwardNoise, /*index=*/0}, eps.values());
  std::vector<ddpm::Image> images;
  ddpm::GridOptions options;
  for (const int64_t t : {0, 100, 250, 500, 750, 1000}) {
    ddpm::Batch x_t(x0.shape());
    ddpm::q_sample(schedule, x0, std::span(&t, 1), eps, x_t);
    images.push_back(ddpm::to_image(x_t.values(), 1, kSide, kSide));
    options.column_labels.push_back(ddpm::concat("t = ", t));
  }
  options.columns = static_cast<int64_t>(images.size());
  options.scale = 2;
  ddpm::write_file_whole(argv[1], ddpm::encode_png(ddpm::image_grid(images, options)));
  std::cout << argv[1] << '\n';
  return 0;
}
