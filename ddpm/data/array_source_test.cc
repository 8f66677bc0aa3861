// IDX files, MNIST's folders and CIFAR-10's binary version as sources of images.

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/data/dataset.h"
#include "ddpm/data/source.h"
#include "ddpm/formats/png.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_files.h"
#include "ddpm/testing/toy_images.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;

DataOptions options_for(const fs::path& path) {
  DataOptions options;
  options.spec = path.string();
  return options;
}

Source open(const fs::path& path) { return open_source(options_for(path)); }
Dataset open_data(const fs::path& path) { return open_dataset(options_for(path)); }

std::string toy_png(int64_t height, int64_t width, int64_t channels, uint64_t index, int bits = 8) {
  return encode_png(toy_image(height, width, channels, index, bits));
}

TEST(Mnist, AFolderIsItsTrainingImagesOrItsTestImages) {
  const TemporaryFolder folder;
  write_toy_archive(folder / "train-images-idx3-ubyte.gz", ToyArchive::kGzip,
                    {{"train", toy_idx(3, 1, 1, {1, 2, 3})}});
  folder.write("train-labels-idx1-ubyte", "labels");
  folder.write("t10k-images.idx3-ubyte", toy_idx(2, 1, 1, {4, 5}));
  EXPECT_EQ(open(folder.path()).count(), 3);
  EXPECT_EQ(open(folder.path().string() + ":test").count(), 2);
  const TemporaryFolder test_only;
  test_only.write("t10k-images-idx3-ubyte", toy_idx(2, 1, 1, {4, 5}));
  EXPECT_THROW(open(test_only.path()), InvalidArgument);
}

TEST(IdxFile, IsReadUnderEveryNameThatSuchFilesHave) {
  const TemporaryFolder folder;
  for (const char* name : {"train-images-idx3-ubyte", "images-idx3-ubyte", "images.idx3-ubyte",
                           "emnist-images-idx3-ubyte", "images", "my.idx"}) {
    EXPECT_EQ(open(folder.write(name, toy_idx(2, 1, 1, {4, 5}))).count(), 2) << name;
  }
}

TEST(IdxFile, IsReadWithAndWithoutCompression) {
  const TemporaryFolder folder;
  const std::string bytes = toy_idx(2, 2, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const fs::path plain = folder.write("train-images", bytes);
  const fs::path packed = folder / "train-images.gz";
  write_toy_archive(packed, ToyArchive::kGzip, {{"train-images", bytes}});
  for (const fs::path& file : {plain, packed}) {
    const Dataset dataset = open_data(file);
    EXPECT_EQ(dataset.size(), 2);
    EXPECT_EQ(dataset.image_shape(), (BatchShape{1, 1, 2, 3}));
    EXPECT_EQ(unit_to_byte(read_image(dataset, 1)[0]), 7);
    EXPECT_EQ(dataset.report().found, 2);
  }
  EXPECT_THROW(open(folder.write("torn", bytes.substr(0, 20))), FormatError);
  EXPECT_THROW(open(folder.write("none", toy_idx(0, 2, 3, ""))), FormatError);
}

TEST(IdxFile, OfOtherContentsThanItsHeaderPromisesIsRefused) {
  const TemporaryFolder folder;
  const auto packed = [&](const std::string& bytes) {
    write_toy_archive(folder / "a.gz", ToyArchive::kGzip, {{"a", bytes}});
    return folder / "a.gz";
  };
  const std::string zeros(1'000'000, '\0');
  EXPECT_NE(complaint<FormatError>([&] {
              open(packed(toy_idx(1, 10, 10, zeros)));
            }).find("inflates to more than 116 bytes"),
            std::string::npos);
  EXPECT_NE(complaint<FormatError>([&] {
              open(packed(toy_idx(1, 1000, 1001, zeros)));
            }).find("expected 1001016 bytes, as 1 images of 1000x1001 have, got 1000016"),
            std::string::npos);
}

TEST(Source, AFileOfAnotherKindIsNamedWithTheWayOut) {
  using namespace std::string_literals;
  const TemporaryFolder folder;
  const std::vector<std::pair<std::string, std::string>> kinds = {
      {"<!DOCTYPE html><html>", ", as a server sends in place of a file; download the file again"},
      {"version https://git-lfs.github.com/spec/v1\noid 1", "run 'git lfs pull'"},
      {std::string(5000, '\0'), "zero bytes, as an interrupted download or copy leaves"},
      {"", "an empty file; download or copy it again"},
      {"Rar!\x1a\x07\1\0"s, "a RAR archive; unpack it"},
      {"7z\xbc\xaf\x27\x1c"s, "a 7z archive; unpack it"},
      {"\x04\x22\x4d\x18"s, "lz4-compressed data; decompress it"},
      {"hello", "a file "}};
  for (const auto& kind : kinds) {
    const std::string& bytes = kind.first;
    const std::string& what = kind.second;
    for (const char* name : {"a.zip", "a.tar", "a.tar.gz"}) {
      const bool is_empty_tar = bytes.size() == 5000 && name != "a.zip"s;  // blocks of its end
      const std::string text = complaint<FormatError>([&] { open(folder.write(name, bytes)); });
      EXPECT_NE(text.find(is_empty_tar ? "got none and nothing else" : what), std::string::npos)
          << text;
    }
    for (const char* name : {"a.idx", "a.gz"}) {
      const std::string text = complaint<InvalidArgument>([&] { open(folder.write(name, bytes)); });
      EXPECT_NE(text.find(what), std::string::npos) << text;
    }
  }
}

TEST(IdxFile, OfDamagedGzipIsCalledDamagedWhereverTheDamageIs) {
  const TemporaryFolder folder;
  const fs::path packed = folder / "a.gz";
  write_toy_archive(packed, ToyArchive::kGzip, {{"a", toy_idx(1, 10, 10, std::string(100, 'x'))}});
  const std::string whole = read_file(packed, 1000);
  // within the data, their CRC-32 and their length
  for (const size_t place : {whole.size() - 12, whole.size() - 8, whole.size() - 4}) {
    std::string changed = whole;
    changed[place] = static_cast<char>(changed[place] ^ 1);
    EXPECT_NE(complaint<FormatError>([&] {
                open(folder.write("b.gz", changed));
              }).find("b.gz: damaged gzip: "),
              std::string::npos);
  }
  for (size_t size = 18; size < whole.size(); ++size) {
    EXPECT_NE(complaint<FormatError>([&] {
                open(folder.write("b.gz", whole.substr(0, size)));
              }).find("b.gz: cut gzip: "),
              std::string::npos)
        << size;
  }
}

TEST(Cifar10, AFolderIsItsTrainingBatchesInOrder) {
  const TemporaryFolder folder;
  folder.write("data_batch_2.bin", toy_cifar(2, 102));
  folder.write("data_batch_1.bin", toy_cifar(2, 100));
  folder.write("test_batch.bin", toy_cifar(1, 200));
  folder.write("readme.html", "<html>");
  const auto first_bytes = [&](const std::string& spec) {
    const Dataset dataset = open_data(spec);
    EXPECT_EQ(dataset.image_shape(), (BatchShape{1, 1, 32, 32}));  // these images are gray
    std::vector<int> bytes;
    for (int64_t i = 0; i < dataset.size(); ++i) {
      bytes.push_back(unit_to_byte(read_image(dataset, i)[0]));
    }
    return bytes;
  };
  const std::string path = folder.path().string();
  EXPECT_EQ(first_bytes(path), (std::vector<int>{100, 101, 102, 103}));
  EXPECT_EQ(first_bytes(path + ":test"), (std::vector<int>{200}));
  EXPECT_EQ(first_bytes(path + "/data_batch_2.bin"), (std::vector<int>{102, 103}));
  EXPECT_THROW(open(folder.write("torn.bin", toy_cifar(2, 0).substr(1))), FormatError);
  EXPECT_THROW(open(folder.write("empty.bin", "")), FormatError);
}

TEST(Cifar10, ABatchThatIsMissingIsNamed) {
  const TemporaryFolder folder;
  for (const int i : {1, 3, 5}) folder.write(concat("data_batch_", i, ".bin"), toy_cifar(1, i));
  EXPECT_NE(open_data(folder.path())
                .report()
                .lines()
                .find("note: of the 5 training batches of CIFAR-10 data_batch_2.bin, "
                      "data_batch_4.bin are missing\n"),
            std::string::npos);
  for (const int i : {2, 4}) folder.write(concat("data_batch_", i, ".bin"), toy_cifar(1, i));
  EXPECT_TRUE(open_data(folder.path()).report().notes.empty());
}

TEST(Source, FilesBesideAKnownDataSetAreCountedAsLeftOut) {
  const TemporaryFolder digits;
  digits.write("train-images-idx3-ubyte", toy_idx(3, 1, 1, {1, 2, 3}));
  EXPECT_TRUE(open(digits.path()).left_out.empty());
  digits.write("train-labels-idx1-ubyte", "labels");
  digits.write("mine.png", toy_png(4, 4, 1, 0));
  digits.write("more/mine.PNG", toy_png(4, 4, 1, 0));
  EXPECT_EQ(open(digits.path()).left_out, (LeftOut{{".png", 2}, {"no ending", 1}}));
  const TemporaryFolder batches;
  batches.write("data_batch_1.bin", toy_cifar(1, 1));
  batches.write("data_batch_2.bin", toy_cifar(1, 1));
  EXPECT_TRUE(open(batches.path()).left_out.empty());
  batches.write("test_batch.bin", toy_cifar(1, 1));
  batches.write("mine.png", toy_png(4, 4, 1, 0));
  EXPECT_EQ(open(batches.path()).left_out, (LeftOut{{".png", 1}, {".bin", 1}}));
}

TEST(Cifar10, TheTestBatchIsNeverTakenUnasked) {
  const TemporaryFolder folder;
  folder.write("test_batch.bin", toy_cifar(1, 0));
  EXPECT_THROW(open(folder.path()), InvalidArgument);
  const TemporaryFolder images;
  images.write("a.png", toy_png(4, 4, 1, 0));
  EXPECT_THROW(open(images.path().string() + ":test"), InvalidArgument);
}

TEST(FashionMnist, MissingSaysHowToGetIt) {
  const TemporaryFolder folder;
  EXPECT_EQ(complaint<IoError>([&] { open_fashion_mnist(folder.path(), false); }),
            "data: fashion-mnist expects " + folder.path().string() +
                "/train-images-idx3-ubyte.gz, which is missing: install it with 'apt-get install "
                "dataset-fashion-mnist' (Debian), or give any folder of images instead");
}

TEST(FashionMnist, IsItsTrainingOrTestImages) {
  const TemporaryFolder folder;
  write_toy_archive(folder / "train-images-idx3-ubyte.gz", ToyArchive::kGzip,
                    {{"train", toy_idx(3, 1, 1, {1, 2, 3})}});
  write_toy_archive(folder / "t10k-images-idx3-ubyte.gz", ToyArchive::kGzip,
                    {{"test", toy_idx(2, 1, 1, {4, 5})}});
  EXPECT_EQ(open_fashion_mnist(folder.path(), false).decode(2).samples, (std::vector<uint16_t>{3}));
  EXPECT_EQ(open_fashion_mnist(folder.path(), true).decode(0).samples, (std::vector<uint16_t>{4}));
}

TEST(FashionMnist, OfTheDistributionHasTenThousandTestImages) {
  if (!fs::exists("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")) {
    GTEST_SKIP() << "the package dataset-fashion-mnist is not installed";
  }
  const Dataset dataset = open_data("fashion-mnist:test");
  EXPECT_EQ(dataset.size(), 10'000);
  EXPECT_EQ(dataset.image_shape(), (BatchShape{1, 1, 28, 28}));
}

}  // namespace
}  // namespace ddpm
