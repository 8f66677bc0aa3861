#include "ddpm/data/source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/data/dataset.h"
#include "ddpm/data/toy_files_internal.h"
#include "ddpm/data/toy_images_internal.h"
#include "ddpm/formats/png.h"

namespace ddpm {
namespace {

namespace fs = std::filesystem;
using Names = std::vector<std::string>;

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

TEST(Folder, IsReadInTheOrderOfItsNames) {
  const ToyFolder folder;
  folder.write("b/2.png", toy_png(4, 4, 3, 2));
  folder.write("a.png", toy_png(4, 4, 3, 0));
  folder.write("b/10.png", toy_png(4, 4, 3, 1));
  folder.write("b.png", toy_png(4, 4, 3, 3));
  const Source source = open(folder.path());
  EXPECT_EQ(source.names, (Names{"a.png", "b.png", "b/10.png", "b/2.png"}));
  EXPECT_EQ(source.decode(2).samples, toy_image(4, 4, 3, 1).samples);
}

TEST(Folder, KnowsImagesByTheirEndingsAndReadsThemByTheirBytes) {
  const ToyFolder folder;
  const Image image = toy_image(8, 8, 1, 0);
  for (const char* name : {"a.PNG", "b.Jpg", "c.jpeg", "d.JPEG", "e.png"}) {
    folder.write(name, toy_jpeg(image));
  }
  folder.write("f.jpg", toy_png(8, 8, 1, 0));
  folder.write("g.gif", "GIF89a");
  folder.write("labels.csv", "a,1");
  const Dataset dataset = open_data(folder.path());
  EXPECT_EQ(dataset.size(), 6);
  EXPECT_EQ(read_image(dataset, 0), read_image(dataset, 4));
  EXPECT_EQ(unit_to_byte(read_image(dataset, 5)[0]), image.samples[0]);
}

TEST(Folder, WhatIsHiddenIsPassedOver) {
  const ToyFolder folder;
  folder.write(".cache/flowers/a.png", toy_png(4, 4, 3, 0));
  folder.write(".cache/flowers/._a.png", "AppleDouble");
  folder.write(".cache/flowers/.thumbnails/a.png", toy_png(2, 2, 3, 0));
  folder.write(".cache/flowers/__MACOSX/a.png", "AppleDouble");
  // the folder that was asked for may itself be hidden
  EXPECT_EQ(open(folder.path() / ".cache/flowers").names, (Names{"a.png"}));
}

TEST(Folder, LinksAreFollowedButNoFolderIsEnteredTwice) {
  const ToyFolder folder;
  const ToyFolder elsewhere;
  folder.write("a/1.png", toy_png(4, 4, 1, 0));
  elsewhere.write("2.png", toy_png(4, 4, 1, 1));
  fs::create_directory_symlink(folder.path(), folder.path() / "a/loop");
  fs::create_directory_symlink(elsewhere.path(), folder.path() / "b");
  fs::create_directory_symlink(elsewhere.path(), folder.path() / "c");
  fs::create_symlink(folder.path() / "a/1.png", folder.path() / "d.png");
  EXPECT_EQ(open(folder.path()).names, (Names{"a/1.png", "b/2.png", "d.png"}));
}

TEST(Folder, ALinkToNothingIsAnUnreadableFile) {
  const ToyFolder folder;
  folder.write("a.png", toy_png(4, 4, 1, 0));
  fs::create_symlink(folder.path() / "gone.png", folder.path() / "b.png");
  DataOptions options = options_for(folder.path());
  options.max_bad_share = 0.5;
  const Dataset dataset = open_dataset(options);
  EXPECT_EQ(dataset.size(), 1);
  ASSERT_EQ(dataset.report().bad_names.size(), 1u);
  EXPECT_EQ(dataset.report().bad_names[0].rfind("b.png: ", 0), 0u);
}

TEST(Folder, WithoutImagesTheErrorSaysWhatWasLookedFor) {
  const ToyFolder folder;
  const std::string where =
      "data: wanted images, files that end in .png, .jpg and .jpeg (upper "
      "or lower case) and are not hidden, in folder " +
      folder.path().string();
  EXPECT_EQ(message_of<FormatError>([&] { open(folder.path()); }), where + ", got no file at all");
  folder.write("x/a.webp", "RIFF");
  folder.write("x/b.txt", "b");
  EXPECT_EQ(message_of<FormatError>([&] { open(folder.path()); }),
            where + ", got none among 2 files such as x/a.webp");
}

TEST(Folder, OfOneThreeAndFourChannelsAndOtherShapesIsRead) {
  for (const int64_t channels : {1, 3, 4}) {
    for (const auto& [height, width] : {std::pair{28, 28}, {32, 48}}) {
      const ToyFolder folder;
      std::vector<Image> images;
      for (uint64_t i = 0; i < 3; ++i) {
        images.push_back(toy_image(height, width, channels, i));
        if (channels == 4) images.back().samples[3] = 7;  // a transparent pixel
        folder.write(concat(i, ".png"), encode_png(images.back()));
      }
      const Dataset dataset = open_data(folder.path());
      EXPECT_EQ(dataset.image_shape(), (BatchShape{1, channels, height, width}));
      EXPECT_EQ(dataset.report().converted, 0);
      EXPECT_EQ(dataset.fingerprint(), make_dataset(images).fingerprint());
      // file to numbers to file: every sample comes back
      const auto units = read_image(dataset, 1);
      EXPECT_EQ(to_image(units, channels, height, width).samples, images[1].samples);
    }
  }
}

TEST(Archive, OfJpegFilesWithDamagedOnesAmongThemIsRead) {
  ToyEntries entries;
  for (uint64_t i = 0; i < 20; ++i) {
    entries.push_back({concat("images/", 10 + i, ".jpg"), toy_jpeg(toy_image(16, 16, 3, i))});
  }
  entries.push_back({"images/a-truncated.jpg", entries[3].second.substr(0, 300)});
  entries.push_back({"images/b-empty.png", ""});
  entries.push_back({"images/c-deep.png", toy_png(16, 16, 1, 50, 16)});
  entries.push_back({"images/d.txt", "not an image"});
  const ToyFolder folder;
  write_toy_archive(folder.path() / "images.tar.gz", ToyArchive::kTarGz, entries);
  DataOptions options = options_for(folder.path() / "images.tar.gz");
  EXPECT_THROW(open_dataset(options), FormatError);  // 2 of 23 are more than one in a hundred
  options.max_bad_share = 0.1;
  const Dataset dataset = open_dataset(options);
  const DataReport& report = dataset.report();
  EXPECT_EQ(report.found, 23);
  EXPECT_EQ(report.used, 21);
  EXPECT_EQ(report.unreadable, 2);
  EXPECT_EQ(report.converted, 1);
  ASSERT_EQ(report.bad_names.size(), 2u);
  EXPECT_EQ(report.bad_names[0].rfind("images/a-truncated.jpg: ", 0), 0u);
  EXPECT_EQ(report.bad_names[1], "images/b-empty.png: wanted an image, got an empty file");
  // the deep one keeps its 16 bits
  const Image deep = toy_image(16, 16, 1, 50, 16);
  EXPECT_EQ(unit_to_word(read_image(dataset, 20)[5]), deep.samples[5]);
}

TEST(Archive, HasTheFingerprintOfTheFolderThatItWasMadeFrom) {
  const ToyFolder folder;
  ToyEntries entries;
  for (const uint64_t i : {3, 0, 2, 1}) {  // an archive need not be sorted
    entries.push_back({concat("./x", i, "/a.png"), toy_png(5, 6, 3, i)});
    folder.write(concat("flowers/x", i, "/a.png"), entries.back().second);
  }
  write_toy_archive(folder.path() / "a.tar.gz", ToyArchive::kTarGz, entries);
  write_toy_archive(folder.path() / "a.ZIP", ToyArchive::kZip, entries);
  const std::string wanted = open_data(folder.path() / "flowers").fingerprint();
  EXPECT_EQ(open_data(folder.path() / "a.tar.gz").fingerprint(), wanted);
  EXPECT_EQ(open_data(folder.path() / "a.ZIP").fingerprint(), wanted);
  EXPECT_EQ(wanted, make_dataset(toy_images(4, 5, 6, 3)).fingerprint());
  Image changed = toy_image(5, 6, 3, 2);
  changed.at(4, 5, 2) ^= 1;
  folder.write("flowers/x2/a.png", encode_png(changed));
  EXPECT_NE(open_data(folder.path() / "flowers").fingerprint(), wanted);
}

TEST(Archive, OfAnEntryThatComesTwiceTheLastCounts) {
  const ToyFolder folder;
  const fs::path file = folder.path() / "a.tar.gz";
  write_toy_archive(file, ToyArchive::kTarGz,
                    {{"a.png", toy_png(4, 4, 1, 0)}, {"./a.png", toy_png(4, 4, 1, 1)}});
  EXPECT_EQ(open_data(file).fingerprint(), make_dataset({toy_image(4, 4, 1, 1)}).fingerprint());
}

TEST(Archive, ThatIsTooLargeForMemoryIsRefused) {
  const ToyFolder folder;
  const fs::path file = folder.path() / "a.zip";
  write_toy_archive(file, ToyArchive::kZip, {{"a.png", toy_png(40, 40, 3, 0)}});
  DataOptions options = options_for(file);
  options.archive_limit_bytes = 1024;
  EXPECT_EQ(message_of<InvalidArgument>([&] { open_source(options); }),
            "data: wanted an archive with at most 1.0 KiB of image files, got more in " +
                file.string() + "; unpack it and give the folder");
}

TEST(Archive, WithoutImagesOrDamagedIsAnError) {
  const ToyFolder folder;
  const fs::path file = folder.path() / "a.tar.gz";
  write_toy_archive(file, ToyArchive::kTarGz, {{"a.txt", "a"}, {".b.png", "b"}});
  EXPECT_NE(message_of<FormatError>([&] { open(file); }).find("none among 1 files such as a.txt"),
            std::string::npos);
  folder.write("a.tar.gz", "this is no archive at all");
  EXPECT_THROW(open(file), FormatError);
}

TEST(Archive, IsReadAgainFromMemoryWhenImagesAreNotKept) {
  const ToyFolder folder;
  const fs::path file = folder.path() / "a.zip";
  write_toy_archive(file, ToyArchive::kZip,
                    {{"a.png", toy_png(4, 4, 1, 0)}, {"b.png", toy_png(4, 4, 1, 1)}});
  DataOptions options = options_for(file);
  options.memory_limit_bytes = 0;
  const Dataset dataset = open_dataset(options);
  fs::remove(file);
  EXPECT_EQ(read_image(dataset, 1), read_image(make_dataset({toy_image(4, 4, 1, 1)}), 0));
}

TEST(IdxFile, IsReadWithAndWithoutCompression) {
  const ToyFolder folder;
  const std::string bytes = toy_idx(2, 2, 3, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12});
  const fs::path plain = folder.write("train-images", bytes);
  const fs::path packed = folder.path() / "train-images.gz";
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

TEST(Cifar10, AFolderIsItsTrainingBatchesInOrder) {
  const ToyFolder folder;
  folder.write("data_batch_2.bin", toy_cifar(2, 102));
  folder.write("data_batch_1.bin", toy_cifar(2, 100));
  folder.write("test_batch.bin", toy_cifar(1, 200));
  folder.write("readme.html", "<html>");
  const auto first_bytes = [&](const std::string& spec) {
    const Dataset dataset = open_data(spec);
    EXPECT_EQ(dataset.image_shape(), (BatchShape{1, 3, 32, 32}));
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

TEST(Cifar10, TheTestBatchIsNeverTakenUnasked) {
  const ToyFolder folder;
  folder.write("test_batch.bin", toy_cifar(1, 0));
  EXPECT_THROW(open(folder.path()), InvalidArgument);
  const ToyFolder images;
  images.write("a.png", toy_png(4, 4, 1, 0));
  EXPECT_THROW(open(images.path().string() + ":test"), InvalidArgument);
}

TEST(FashionMnist, MissingSaysHowToGetIt) {
  const ToyFolder folder;
  EXPECT_EQ(message_of<IoError>([&] { open_fashion_mnist(folder.path(), false); }),
            "data: fashion-mnist wants " + folder.path().string() +
                "/train-images-idx3-ubyte.gz, which is missing: install it with 'apt-get install "
                "dataset-fashion-mnist' (Debian), or give any folder of images instead");
}

TEST(FashionMnist, IsItsTrainingOrTestImages) {
  const ToyFolder folder;
  write_toy_archive(folder.path() / "train-images-idx3-ubyte.gz", ToyArchive::kGzip,
                    {{"train", toy_idx(3, 1, 1, {1, 2, 3})}});
  write_toy_archive(folder.path() / "t10k-images-idx3-ubyte.gz", ToyArchive::kGzip,
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

TEST(OneImageFile, IsADataset) {
  const ToyFolder folder;
  const Dataset dataset = open_data(folder.write("a.png", toy_png(4, 4, 3, 0)));
  EXPECT_EQ(dataset.fingerprint(), make_dataset({toy_image(4, 4, 3, 0)}).fingerprint());
}

TEST(Source, WhatDoesNotExistIsRefusedWithTheFormsThatDo) {
  EXPECT_EQ(message_of<InvalidArgument>([] { open("fashion-mnits"); }),
            "data: wanted fashion-mnist, a folder of PNG and JPEG files, a .zip, .tar or .tar.gz "
            "of such, an IDX file (.gz too), or a folder or .bin file of CIFAR-10's binary "
            "version, got 'fashion-mnits', which does not exist; did you mean 'fashion-mnist'?");
  EXPECT_THROW(open(""), InvalidArgument);
  EXPECT_THROW(open(":test"), InvalidArgument);
  EXPECT_THROW(open("/no/such/folder:test"), InvalidArgument);
  EXPECT_THROW(open("/dev/null"), InvalidArgument);
  const ToyFolder folder;
  EXPECT_NE(message_of<InvalidArgument>([&] {
              open(folder.write("a.h5", "\x89HDF"));
            }).find("a.h5, a file of none of these kinds"),
            std::string::npos);
}

}  // namespace
}  // namespace ddpm
