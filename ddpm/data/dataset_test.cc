#include "ddpm/data/dataset.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cmath>
#include <new>
#include <set>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/sha256.h"
#include "ddpm/data/opening_internal.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/toy_images.h"

namespace ddpm {
namespace {

Image pixel_image(const std::vector<uint16_t>& pixel, int bits = 8) {
  return {1, 1, static_cast<int64_t>(pixel.size()), bits, pixel};
}

TEST(Dataset, ReadsPlanesOfNumbersFromMinusOneToOne) {
  const Image image{1, 2, 3, 8, {0, 51, 102, 153, 204, 255}};
  const Dataset dataset = make_dataset({image});
  EXPECT_EQ(dataset.image_shape(), (BatchShape{1, 3, 1, 2}));
  // v / 127.5 - 1: 51 is a fifth of 255, so the numbers are two fifths apart
  const std::vector<float> planes = {-1.0f, 0.2f, -0.6f, 0.6f, -0.2f, 1.0f};
  EXPECT_EQ(read_image(dataset, 0), planes);
}

TEST(Dataset, AFlippedImageIsMirroredInEachRow) {
  const Dataset dataset = make_dataset({toy_image(3, 5, 3, 1)});
  const auto plain = read_image(dataset, 0);
  const auto flipped = read_image(dataset, 0, true);
  for (size_t row = 0; row < 9; ++row) {
    for (size_t x = 0; x < 5; ++x) EXPECT_EQ(flipped[row * 5 + x], plain[row * 5 + 4 - x]);
  }
}

TEST(Dataset, RefusesImagesAndRoomThatDoNotFit) {
  const Dataset dataset = make_dataset(toy_images(2, 3, 3, 1));
  std::vector<float> out(9);
  EXPECT_THROW(dataset.read(2, false, out), InvalidArgument);
  EXPECT_THROW(dataset.read(-1, false, out), InvalidArgument);
  out.resize(8);
  EXPECT_THROW(dataset.read(0, false, out), InvalidArgument);
}

TEST(Dataset, SixteenBitsStayBesideEightBits) {
  const std::vector<Image> images = {pixel_image({100}), pixel_image({25701}, 16)};
  const Dataset dataset = make_dataset(images);
  EXPECT_EQ(read_image(dataset, 0)[0], byte_to_unit(100));
  EXPECT_EQ(read_image(dataset, 1)[0], word_to_unit(25701));
  EXPECT_NE(read_image(dataset, 1)[0], byte_to_unit(100));  // 25701 = 100 * 257 + 1
}

TEST(Dataset, KnowsTheImagesThatEightBitsCannotHold) {
  const Dataset dataset = make_dataset({pixel_image({1}), pixel_image({257}, 16), pixel_image({2}),
                                        pixel_image({258}, 16), pixel_image({3})});
  EXPECT_EQ(dataset.first_beyond_bytes(0, 5), 3);  // 257 is 1 of 255
  EXPECT_EQ(dataset.first_beyond_bytes(3, 1), 3);
  EXPECT_EQ(dataset.first_beyond_bytes(0, 3), std::nullopt);
  EXPECT_EQ(dataset.first_beyond_bytes(4, 1), std::nullopt);
}

TEST(Dataset, CountsWhatItConverts) {
  DataOptions options;
  options.channels = 3;
  const Dataset dataset = make_dataset(
      {pixel_image({1}), pixel_image({5}), pixel_image({1, 2, 3}), pixel_image({1, 2, 3, 0})},
      options);
  const DataReport& report = dataset.report();
  EXPECT_EQ(report.found, 4);
  EXPECT_EQ(report.used, 4);
  EXPECT_EQ(report.converted, 3);
  EXPECT_EQ(report.conversions,
            (std::map<std::string, int64_t>{{"gray to RGB", 2}, {"RGBA to RGB", 1}}));
  EXPECT_EQ(read_image(dataset, 3), (std::vector<float>{1, 1, 1}));  // over white
  EXPECT_NE(report.lines().find("found 4, used 4, unreadable 0, converted 3"), std::string::npos);
  EXPECT_NE(report.lines().find("gray to RGB (2), RGBA to RGB (1)"), std::string::npos);
}

TEST(Dataset, ImagesOfSeveralSizesNeedAFit) {
  std::vector<Image> images = toy_images(2, 4, 6, 1);
  images.push_back(toy_image(8, 8, 1, 9));
  EXPECT_EQ(complaint<InvalidArgument>([&] { make_dataset(images); }),
            "data: expected images of one size, got 2 sizes in memory: 4x6 (2), 8x8 (1); give "
            "--image-size HxW and --fit crop, pad or stretch");
  DataOptions options;
  options.height = 4;
  options.width = 6;
  EXPECT_EQ(complaint<InvalidArgument>([&] { make_dataset(images, options); }),
            "data: expected images of 4x6, got 1 of another size in memory, first image 2 of 8x8; "
            "--fit crop, pad or stretch makes them so");
}

TEST(Dataset, AFitMakesAllOfTheWantedOrTheMostFrequentSize) {
  std::vector<Image> images = toy_images(2, 4, 6, 1);
  images.push_back(toy_image(8, 8, 1, 9));
  for (const Fit fit : {Fit::kCrop, Fit::kPad, Fit::kStretch}) {
    DataOptions options;
    options.fit = fit;
    const Dataset dataset = make_dataset(images, options);
    EXPECT_EQ(dataset.image_shape(), (BatchShape{1, 1, 4, 6}));
    EXPECT_EQ(dataset.report().fitted, 1);
    options.height = 5;
    options.width = 3;
    const Dataset sized = make_dataset(images, options);
    EXPECT_EQ(sized.image_shape(), (BatchShape{1, 1, 5, 3}));
    const Image image = fit_image(images[2], 5, 3, fit);
    for (size_t i = 0; i < 15; ++i) {
      EXPECT_EQ(unit_to_byte(read_image(sized, 2)[i]), image.samples[i]);
    }
  }
}

TEST(Dataset, OfEquallyFrequentSizesTheSmallestIsTaken) {
  DataOptions options;
  options.fit = Fit::kCrop;
  const std::vector<Image> images = {toy_image(9, 10, 1, 1), toy_image(10, 8, 1, 2)};
  EXPECT_EQ(make_dataset(images, options).image_shape(), (BatchShape{1, 1, 10, 8}));
}

// 100 images of which the first `bad` cannot be read.
Dataset open_partly_bad(int64_t bad, double share) {
  DataOptions options;
  options.max_bad_share = share;
  return open_dataset(toy_source(100,
                                 [bad](int64_t i) {
                                   if (i < bad) throw FormatError(concat("toy ", i, ": torn"));
                                   return toy_image(2, 2, 1, static_cast<uint64_t>(i));
                                 }),
                      options);
}

TEST(Dataset, UnreadableFilesAreNamedAndSkippedUpToTheirShare) {
  const Dataset dataset = open_partly_bad(12, 0.12);
  EXPECT_EQ(dataset.size(), 88);
  EXPECT_EQ(dataset.report().unreadable, 12);
  ASSERT_EQ(dataset.report().bad_names.size(), 10u);
  EXPECT_EQ(dataset.report().bad_names[3], "toy 3: torn");
  EXPECT_NE(dataset.report().lines().find("unreadable: 2 more"), std::string::npos);
  EXPECT_EQ(read_image(dataset, 0), read_image(make_dataset({toy_image(2, 2, 1, 12)}), 0));
  EXPECT_EQ(
      complaint<FormatError>([] { open_partly_bad(13, 0.12); }),
      "data: expected at most 12 % of 100 files unreadable (--max-bad-files) and one image at "
      "least, got 13 unreadable in toys, first toy 0: torn");
}

TEST(Dataset, TheShareIsOfWholeFiles) {
  EXPECT_EQ(open_partly_bad(29, 0.29).size(), 71);  // 0.29 * 100 < 29 in float64
  EXPECT_THROW(open_partly_bad(2, 0.0199), FormatError);
  EXPECT_THROW(open_partly_bad(1, 0.0), FormatError);
  EXPECT_EQ(open_partly_bad(99, 1.0).size(), 1);
  EXPECT_THROW(open_partly_bad(100, 1.0), FormatError);
}

TEST(Dataset, ThreadsAndMemoryChangeNothing) {
  std::vector<Image> images = toy_images(40, 6, 5, 3);
  images.push_back(toy_image(6, 5, 1, 99, 16));
  images.push_back(toy_image(9, 9, 4, 100));
  DataOptions options;
  options.fit = Fit::kCrop;
  const Dataset first = make_dataset(images, options);
  EXPECT_EQ(first.images_in_memory(), 42);
  for (const int64_t limit : {int64_t{0}, int64_t{1000}, int64_t{1} << 30}) {
    for (const int64_t threads : {1, 2, 5}) {
      options.memory_limit_bytes = limit;
      options.threads = threads;
      const Dataset dataset = make_dataset(images, options);
      EXPECT_EQ(dataset.fingerprint(), first.fingerprint());
      EXPECT_EQ(dataset.channel_means(), first.channel_means());
      EXPECT_EQ(dataset.channel_stds(), first.channel_stds());
      // at least 90 bytes an image
      EXPECT_LE(dataset.images_in_memory(), limit / 90);
      for (int64_t i = 0; i < dataset.size(); ++i) {
        ASSERT_EQ(read_image(dataset, i, true), read_image(first, i, true));
      }
    }
  }
}

TEST(Dataset, ImagesThatAreReadyInAnotherOrderAreCountedInTheirOwn) {
  DataOptions options;
  options.memory_limit_bytes = 0;
  options.threads = 4;
  const std::vector<Image> images = toy_images(8, 3, 3, 1);
  const auto decode = [&](int64_t i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(i % 4 == 0 ? 20 : 1));
    return images[static_cast<size_t>(i)];
  };
  const Dataset dataset = open_dataset(toy_source(8, decode), options);
  EXPECT_EQ(dataset.fingerprint(), make_dataset(images).fingerprint());
}

TEST(Dataset, TheMemoryLimitIsKeptAndUsed) {
  DataOptions options;
  options.memory_limit_bytes = 10 * 27;
  options.threads = 1;
  EXPECT_EQ(make_dataset(toy_images(40, 3, 3, 3), options).images_in_memory(), 10);
}

TEST(Dataset, TheFingerprintIsWhatItsDefinitionSays) {
  const Dataset dataset = make_dataset({Image{1, 2, 1, 8, {7, 9}}});
  const std::string digest = sha256_hex(as_bytes("8\n\x07\x09"));
  EXPECT_EQ(dataset.fingerprint(), sha256_hex(as_bytes("ddpm data 1\n1 1 1 2 none\n" + digest)));
}

TEST(Dataset, TheFingerprintSeesEveryDifference) {
  const std::vector<Image> images = toy_images(3, 4, 6, 1);
  DataOptions options;
  std::set<std::string> seen = {make_dataset(images).fingerprint()};
  const auto is_new = [&](const std::vector<Image>& others) {
    return seen.insert(make_dataset(others, options).fingerprint()).second;
  };
  EXPECT_FALSE(is_new(images));
  auto changed = images;
  changed[2].at(3, 5, 0) ^= 1;  // one pixel
  EXPECT_TRUE(is_new(changed));
  EXPECT_TRUE(is_new({images[1], images[0], images[2]}));  // the order
  EXPECT_TRUE(is_new({images[0], images[1]}));             // the number
  changed = images;
  for (Image& image : changed) std::swap(image.height, image.width);
  EXPECT_TRUE(is_new(changed));
  changed = images;
  for (Image& image : changed) image.bits = 16;
  EXPECT_TRUE(is_new(changed));
  options.channels = 3;
  EXPECT_TRUE(is_new(images));
  options = {};
  options.fit = Fit::kPad;
  EXPECT_TRUE(is_new(images));
}

TEST(Dataset, MeansAndDeviationsAreOfAllPixels) {
  // red 0 and 255: mean 0, deviation 1; green 255 always; blue 0, 0, 0, 255: mean -1/2, deviation
  // 2 sqrt(1/4 * 3/4)
  const Dataset dataset = make_dataset(
      {Image{1, 2, 3, 8, {0, 255, 0, 255, 255, 0}}, Image{1, 2, 3, 8, {255, 255, 0, 0, 255, 255}}});
  const auto& means = dataset.channel_means();
  const auto& stds = dataset.channel_stds();
  ASSERT_EQ(means.size(), 3u);
  // 1e-7: a deviation is the root of a difference that is rounded to 1e-16
  EXPECT_NEAR(means[0], 0.0, 1e-7);
  EXPECT_NEAR(means[1], 1.0, 1e-7);
  EXPECT_NEAR(means[2], -0.5, 1e-7);
  EXPECT_NEAR(stds[0], 1.0, 1e-7);
  EXPECT_NEAR(stds[1], 0.0, 1e-7);
  EXPECT_NEAR(stds[2], 2.0 * std::sqrt(3.0 / 16.0), 1e-7);
}

TEST(Dataset, ConstantImagesAreData) {
  const Dataset dataset = make_dataset({Image{2, 2, 1, 8, {5, 5, 5, 5}}});
  EXPECT_EQ(dataset.size(), 1);
}

TEST(Dataset, TheObserverIsCalledByTheCallerUpToTheEnd) {
  int64_t last = 0;
  int64_t total = 0;
  bool same_thread = true;
  const auto caller = std::this_thread::get_id();
  open_dataset(toy_source(30, [](int64_t) { return toy_image(2, 2, 1, 1); }), {},
               [&](int64_t done, int64_t all) {
                 EXPECT_GE(done, last);
                 last = done;
                 total = all;
                 same_thread = same_thread && std::this_thread::get_id() == caller;
               });
  EXPECT_GT(total, 0);
  EXPECT_EQ(last, total);
  EXPECT_TRUE(same_thread);
}

TEST(Dataset, AnExceptionOfTheObserverEndsTheWork) {
  std::atomic<int64_t> decoded = 0;
  const auto decode = [&](int64_t) {
    ++decoded;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return toy_image(2, 2, 1, 1);
  };
  DataOptions options;
  options.threads = 2;
  EXPECT_THROW(open_dataset(toy_source(100'000, decode), options,
                            [](int64_t, int64_t) { throw std::runtime_error("enough"); }),
               std::runtime_error);
  EXPECT_LT(decoded, 50'000);  // all of them would take 50 seconds
}

TEST(Dataset, AnExceptionThatIsNoBadFileReachesTheCaller) {
  DataOptions options;
  options.max_bad_share = 1.0;
  const auto decode = [](int64_t i) -> Image {
    if (i == 17) throw std::logic_error("a mistake");
    return toy_image(2, 2, 1, 1);
  };
  EXPECT_THROW(open_dataset(toy_source(40, decode), options), std::logic_error);
}

TEST(Dataset, TooLittleMemoryForAnImageIsAnErrorThatNamesIt) {
  DataOptions options;
  options.max_bad_share = 1.0;  // it is no bad file
  options.memory_limit_bytes = 0;
  options.channels = 3;  // which these images have not, so they are decoded again
  std::atomic<int> calls = 0;
  for (const int refused : {1, 2}) {  // as it is opened, and as it is finished
    calls = 0;
    const auto decode = [&](int64_t i) {
      if (i == 1 && ++calls == refused) throw std::bad_alloc();
      return toy_image(2, 2, 1, 1);
    };
    EXPECT_EQ(complaint<Error>([&] { open_dataset(toy_source(3, decode), options); }),
              "toy 1: not enough memory to decode it; use fewer --threads, or make the image "
              "smaller");
  }
}

TEST(Dataset, WhatTurnsOutToBeNoDataIsLeftOutAndCounted) {
  const auto decode = [](int64_t i) {
    if (i == 1) throw NotData("sample grids of ddpm");
    return toy_image(2, 2, 1, static_cast<uint64_t>(i));
  };
  Source source = toy_source(3, decode);
  source.left_out[".txt"] = 4;
  const Dataset dataset = open_dataset(source, {});
  EXPECT_EQ(dataset.size(), 2);
  EXPECT_EQ(dataset.report().found, 2);
  const std::string lines = dataset.report().lines();
  EXPECT_NE(lines.find("found 2, used 2, unreadable 0, converted 0, left out 5\n"
                       "left out: .txt (4), sample grids of ddpm (1)\n"),
            std::string::npos)
      << lines;
}

TEST(Dataset, AStopIsHeardWhileOneImageIsDecoded) {
  std::atomic<bool> stopped = false;
  const auto decode = [&](int64_t) {
    for (int i = 0; i < 1000 && !stopped; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    return toy_image(2, 2, 1, 1);
  };
  const auto observer = [&](int64_t, int64_t) {
    stopped = true;
    throw std::runtime_error("enough");
  };
  EXPECT_THROW(open_dataset(toy_source(1, decode), {}, observer), std::runtime_error);
  EXPECT_TRUE(stopped);
}

TEST(Dataset, AFileThatChangedAfterOpeningIsAnErrorWhenItIsRead) {
  std::atomic<bool> changed = false;
  DataOptions options;
  options.memory_limit_bytes = 0;
  const Dataset dataset = open_dataset(
      toy_source(3, [&](int64_t) { return toy_image(2, changed ? 3 : 2, 1, 1); }), options);
  EXPECT_EQ(read_image(dataset, 1).size(), 4u);
  changed = true;
  EXPECT_EQ(complaint<FormatError>([&] { read_image(dataset, 1); }),
            "toy 1: expected 2x2 pixels as before, got 2x3; the file has changed");
}

TEST(Dataset, RefusesOptionsOutsideTheirRange) {
  const auto refuses = [](void (*change)(DataOptions&)) {
    DataOptions options;
    change(options);
    EXPECT_THROW(make_dataset(toy_images(1, 2, 2, 1), options), InvalidArgument);
  };
  refuses([](DataOptions& options) { options.height = 2; });
  refuses([](DataOptions& options) { options.height = options.width = -1; });
  refuses([](DataOptions& options) { options.channels = 2; });
  refuses([](DataOptions& options) { options.max_bad_share = 1.5; });
  refuses([](DataOptions& options) { options.max_bad_share = std::nan(""); });
  refuses([](DataOptions& options) { options.threads = -1; });
  refuses([](DataOptions& options) { options.memory_limit_bytes = -1; });
  EXPECT_THROW(make_dataset({Image{2, 2, 1, 8, {1, 2, 3}}}), InvalidArgument);
}

}  // namespace
}  // namespace ddpm
