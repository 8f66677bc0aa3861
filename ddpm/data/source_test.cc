#include "ddpm/data/source.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/data/dataset.h"
#include "ddpm/formats/picture_mark.h"
#include "ddpm/formats/png.h"
#include "ddpm/testing/complaint.h"
#include "ddpm/testing/temporary_folder.h"
#include "ddpm/testing/toy_files.h"
#include "ddpm/testing/toy_images.h"

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
  const TemporaryFolder folder;
  folder.write("b/2.png", toy_png(4, 4, 3, 2));
  folder.write("a.png", toy_png(4, 4, 3, 0));
  folder.write("b/10.png", toy_png(4, 4, 3, 1));
  folder.write("b.png", toy_png(4, 4, 3, 3));
  const Source source = open(folder.path());
  EXPECT_EQ(source.names, (Names{"a.png", "b.png", "b/10.png", "b/2.png"}));
  EXPECT_EQ(source.decode(2).samples, toy_image(4, 4, 3, 1).samples);
}

TEST(Folder, KnowsImagesByTheirEndingsAndReadsThemByTheirBytes) {
  const TemporaryFolder folder;
  const Image image = toy_image(8, 8, 1, 0);
  for (const char* name : {"a.PNG", "b.Jpg", "c.jpeg", "d.JPEG", "e.png"}) {
    folder.write(name, toy_jpeg(image));
  }
  folder.write("f.jpg", toy_png(8, 8, 1, 0));
  folder.write("g.heic", "ftypheic");
  folder.write("labels.csv", "a,1");
  const Dataset dataset = open_data(folder.path());
  EXPECT_EQ(dataset.size(), 6);
  EXPECT_EQ(read_image(dataset, 0), read_image(dataset, 4));
  EXPECT_EQ(unit_to_byte(read_image(dataset, 5)[0]), image.samples[0]);
}

TEST(Folder, WhatIsHiddenIsPassedOver) {
  const TemporaryFolder folder;
  folder.write(".cache/flowers/a.png", toy_png(4, 4, 3, 0));
  folder.write(".cache/flowers/._a.png", "AppleDouble");
  folder.write(".cache/flowers/.thumbnails/a.png", toy_png(2, 2, 3, 0));
  folder.write(".cache/flowers/__MACOSX/a.png", "AppleDouble");
  // the folder that was asked for may itself be hidden
  EXPECT_EQ(open(folder / ".cache/flowers").names, (Names{"a.png"}));
}

TEST(Folder, LinksAreFollowedButNoFolderIsEnteredTwice) {
  const TemporaryFolder folder;
  const TemporaryFolder elsewhere;
  folder.write("a/1.png", toy_png(4, 4, 1, 0));
  elsewhere.write("2.png", toy_png(4, 4, 1, 1));
  fs::create_directory_symlink(folder.path(), folder / "a/loop");
  fs::create_directory_symlink(elsewhere.path(), folder / "b");
  fs::create_directory_symlink(elsewhere.path(), folder / "c");
  fs::create_symlink(folder / "a/1.png", folder / "d.png");
  EXPECT_EQ(open(folder.path()).names, (Names{"a/1.png", "b/2.png", "d.png"}));
}

TEST(Folder, ALinkToNothingIsAnUnreadableFile) {
  const TemporaryFolder folder;
  folder.write("a.png", toy_png(4, 4, 1, 0));
  fs::create_symlink(folder / "gone.png", folder / "b.png");
  DataOptions options = options_for(folder.path());
  options.max_bad_share = 0.5;
  const Dataset dataset = open_dataset(options);
  EXPECT_EQ(dataset.size(), 1);
  ASSERT_EQ(dataset.report().bad_names.size(), 1u);
  EXPECT_EQ(dataset.report().bad_names[0].rfind("b.png: ", 0), 0u);
}

TEST(Folder, WhatIsLeftOutIsCountedByItsEnding) {
  const TemporaryFolder folder;
  folder.write("a.png", toy_png(4, 4, 3, 0));
  for (const char* name : {"b.txt", "c.TXT", "x/d.tar.gz", "e", "x/.f", ".hidden/g.png", "h.",
                           "i.averyverylongending"}) {
    folder.write(name, "");
  }
  ASSERT_EQ(::mkfifo((folder / "fifo.png").c_str(), 0600), 0);
  fs::create_directory_symlink("x", folder / "y");
  const LeftOut expected = {{".gz", 1},
                            {".txt", 2},
                            {"no ending", 2},
                            {"other endings", 1},
                            {"hidden files", 1},
                            {"hidden folders", 1},
                            {"FIFOs, sockets and devices", 1},
                            {"links to folders that are read already", 1}};
  EXPECT_EQ(open(folder.path()).left_out, expected);
  EXPECT_NE(open_data(folder.path()).report().lines().find("left out 10\nleft out: .txt (2), no"),
            std::string::npos);
}

TEST(Folder, ASubfolderThatCannotBeListedIsAnUnreadableFile) {
  const TemporaryFolder folder;
  fs::permissions(folder.path(), fs::perms::all);
  folder.write("a.png", toy_png(4, 4, 1, 0));
  folder.write("locked/b.png", toy_png(4, 4, 1, 1));
  fs::permissions(folder / "locked", fs::perms::none);
  DataOptions options = options_for(folder.path());
  {
    const ToyUser nobody;
    EXPECT_EQ(complaint<FormatError>([&] { open_dataset(options); }).find("data: expected at most"),
              0u);
    options.max_bad_share = 0.5;
    const Dataset dataset = open_dataset(options);
    EXPECT_EQ(dataset.report().bad_names,
              Names{"locked/: the folder cannot be listed: Permission denied"});
  }
  fs::permissions(folder / "locked", fs::perms::owner_all);
}

// Makes `count` folders named `part` within each other, by steps, for their names together may be
// longer than a name can be; the innermost has an image.
void make_nested(const fs::path& top, const std::string& part, int count) {
  const fs::path here = fs::current_path();
  fs::current_path(top);
  for (int i = 0; i < count; ++i) {
    fs::create_directory(part);
    fs::current_path(part);
  }
  std::ofstream("a.png", std::ios::binary) << toy_png(4, 4, 1, 0);
  fs::current_path(here);
}

// Work that is quadratic in the depth would take minutes here.
TEST(Folder, NestedAsDeepAsNamesCanBeIsRead) {
  const TemporaryFolder folder;
  make_nested(folder.path(), "d", 1900);
  const Source source = open(folder.path());
  ASSERT_EQ(source.count(), 1);
  EXPECT_EQ(source.names[0].size(), 1900 * 2 + std::string("a.png").size());
  EXPECT_EQ(source.decode(0).samples, toy_image(4, 4, 1, 0).samples);
}

TEST(Folder, DeeperThanNamesCanBeIsAnUnreadableFile) {
  const TemporaryFolder folder;
  folder.write("a.png", toy_png(4, 4, 1, 0));
  make_nested(folder.path(), std::string(100, 'd'), 50);
  DataOptions options = options_for(folder.path());
  options.max_bad_share = 0.5;
  const Dataset dataset = open_dataset(options);
  EXPECT_EQ(dataset.report().unreadable, 1);
  EXPECT_NE(dataset.report().bad_names[0].find("File name too long"), std::string::npos);
}

TEST(Folder, WalksHearAStop) {
  const TemporaryFolder folder;
  for (int i = 0; i < 10; ++i) folder.write(concat(i, ".png"), "");
  int calls = 0;
  const auto give_up = [&calls] {
    if (++calls == 5) throw std::runtime_error("enough");
  };
  EXPECT_THROW(open_source(options_for(folder.path()), give_up), std::runtime_error);
}

TEST(Folder, RunsOfThisProgramAreLeftOut) {
  const TemporaryFolder folder;
  folder.write("a.png", toy_png(4, 4, 3, 0));
  folder.write("run/config.json", "{}");
  folder.write("run/checkpoints/00000001/manifest.json", "{}");
  folder.write("run/samples/00000001.png", toy_png(4, 4, 3, 1));
  folder.write("other/config.json", "{}");
  folder.write("other/b.png", toy_png(4, 4, 3, 2));
  folder.write("begun/config.json", "{}");
  folder.write("begun/metrics.jsonl", "");
  fs::create_directories(folder / "begun" / "checkpoints");
  folder.write("begun/samples/00000001.png", toy_png(4, 4, 3, 1));
  folder.write("trip/config.json", "{}");  // an album that looks like one
  fs::create_directories(folder / "trip" / "checkpoints" / "passport");
  folder.write("trip/rome.png", toy_png(4, 4, 3, 2));
  const Source source = open(folder.path());
  EXPECT_EQ(source.names, (Names{"a.png", "other/b.png", "trip/rome.png"}));
  EXPECT_EQ(source.left_out.at("run folders of ddpm"), 2);
  EXPECT_NE(complaint<InvalidArgument>([&] { open(folder / "run"); }).find("a run folder"),
            std::string::npos);
}

TEST(Folder, PicturesThatThisProgramDrewAreLeftOut) {
  const TemporaryFolder folder;
  folder.write("0.png", toy_png(4, 4, 3, 0));
  const fs::path grid = folder.write("grid.png", encode_picture(toy_image(40, 40, 3, 1)));
  const Dataset dataset = open_data(folder.path());
  EXPECT_EQ(dataset.size(), 1);
  EXPECT_EQ(dataset.report().found, 1);
  EXPECT_EQ(dataset.report().left_out, (LeftOut{{"pictures drawn by ddpm", 1}}));
  EXPECT_EQ(open_data(grid).size(), 1);  // given by its own name
}

TEST(Folder, NamesAreEscapedInMessages) {
  const TemporaryFolder folder;
  folder.write("a\n\x1b[2Jb\xe9.png", "no image");
  DataOptions options = options_for(folder.path());
  EXPECT_NE(complaint<FormatError>([&] {
              open_dataset(options);
            }).find("first a\\n\\x1b[2Jb\\xe9.png: expected"),
            std::string::npos);
}

TEST(Folder, LongNamesAreCutInMessages) {
  const TemporaryFolder folder;
  const std::string name = std::string(200, 'a') + "/" + std::string(200, 'b') + ".png";
  folder.write(name, "no image");
  DataOptions options = options_for(folder.path());
  const std::string message = complaint<FormatError>([&] { open_dataset(options); });
  EXPECT_NE(message.find("first " + std::string(140, 'a') + ".." + std::string(56, 'b') + ".png: "),
            std::string::npos)
      << message;
}

TEST(Folder, WithoutImagesTheErrorNamesWhatIsThere) {
  const TemporaryFolder folder;
  const std::string where =
      "data: expected images, files that end in .png, .jpg, .jpeg, .jpe, "
      ".jfif, .webp, .bmp, .gif, .tif or .tiff (upper or lower case), in "
      "folder " +
      folder.path().string();
  EXPECT_EQ(complaint<FormatError>([&] { open(folder.path()); }),
            where + ", got none and nothing else");
  folder.write("x/a.heic", "ftyp");
  folder.write("x/b.txt", "b");
  folder.write("x/c.txt", "c");
  EXPECT_EQ(complaint<FormatError>([&] { open(folder.path()); }),
            where + ", got none but .txt (2), .heic (1)");
}

// The end of the message for a folder with this one file.
std::string advice_for(const std::string& name) {
  const TemporaryFolder folder;
  folder.write(name, "x");
  const std::string message = complaint<FormatError>([&] { open(folder.path()); });
  const std::string path = folder.path().string();
  std::string advice = message.substr(message.rfind("; ") + 2);
  if (advice.find(path) != std::string::npos)
    advice.replace(advice.find(path), path.size(), "HERE");
  return advice;
}

TEST(Folder, OfAKnownKindThatIsNotReadIsRefusedWithTheWayOut) {
  EXPECT_EQ(advice_for("cifar-10-batches-py/data_batch_1"),
            "give the folder of the binary version (cifar-10-binary.tar.gz)");
  EXPECT_EQ(advice_for("cifar/data_batch_1.bin"),
            "give the folder of CIFAR-10's binary version itself: HERE/cifar");
  EXPECT_EQ(advice_for("MNIST/raw/train-images-idx3-ubyte.gz"),
            "give the IDX file itself: HERE/MNIST/raw/train-images-idx3-ubyte.gz");
  EXPECT_EQ(advice_for("flowers.tar.gz"), "give the archive itself: HERE/flowers.tar.gz");
  EXPECT_EQ(advice_for("data/train-00000-of-00001.parquet"),
            "save them as PNG files and give their folder");
}

TEST(Folder, OfAHuggingFaceCacheIsRefusedWithTheSnapshotToGive) {
  const TemporaryFolder folder;
  const std::string png = toy_png(4, 4, 3, 0);
  folder.write("blobs/0123", png);
  folder.write("refs/main", "def");
  fs::create_directories(folder / "snapshots/abc");
  fs::create_directories(folder / "snapshots/def");
  fs::create_symlink("../../blobs/0123", folder / "snapshots/def/a.png");
  const std::string message = complaint<InvalidArgument>([&] { open(folder.path()); });
  const std::string snapshot = (folder / "snapshots/def").string();
  EXPECT_NE(message.find("a Hugging Face cache; give one snapshot of it: " + snapshot),
            std::string::npos)
      << message;
  EXPECT_EQ(open_data(snapshot).size(), 1);
}

TEST(Folder, OfOneThreeAndFourChannelsAndOtherShapesIsRead) {
  for (const int64_t channels : {1, 3, 4}) {
    for (const auto& [height, width] : {std::pair{28, 28}, {32, 48}}) {
      const TemporaryFolder folder;
      std::vector<Image> images;
      for (uint64_t i = 0; i < 3; ++i) {
        images.push_back(toy_image(height, width, channels, i));
        for (size_t a = 3; channels == 4 && a < 400; a += 4) images.back().samples[a] = 7;
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

TEST(OneImageFile, IsADataset) {
  const TemporaryFolder folder;
  const Dataset dataset = open_data(folder.write("a.png", toy_png(4, 4, 3, 0)));
  EXPECT_EQ(dataset.fingerprint(), make_dataset({toy_image(4, 4, 3, 0)}).fingerprint());
}

TEST(Source, WhatDoesNotExistIsRefusedWithTheFormsThatDo) {
  EXPECT_EQ(complaint<InvalidArgument>([] { open("fashion-mnits"); }),
            "data: expected fashion-mnist, a folder of images, a .zip, .tar or .tar.gz of such, an "
            "IDX file (.gz too), or a folder of MNIST's IDX files or of CIFAR-10's binary "
            "version, got 'fashion-mnits', which does not exist; did you mean 'fashion-mnist'?");
  EXPECT_THROW(open(""), InvalidArgument);
  EXPECT_THROW(open(":test"), InvalidArgument);
  EXPECT_THROW(open("/no/such/folder:test"), InvalidArgument);
  EXPECT_THROW(open("/dev/null"), InvalidArgument);
  const TemporaryFolder folder;
  EXPECT_NE(complaint<InvalidArgument>([&] {
              open(folder.write("a.h5", "\x89HDF"));
            }).find("a.h5 may hold many images in one file; save them as PNG files"),
            std::string::npos);
}

// However the new bytes came: in a new file, or in place under the old times.
TEST(Folder, AFileThatIsReadAgainHasToBeTheFirstOne) {
  const TemporaryFolder folder;
  for (int64_t i = 0; i < 3; ++i)
    folder.write(concat(i, ".png"), toy_png(4, 4, 3, static_cast<uint64_t>(i)));
  DataOptions options;
  options.memory_limit_bytes = 0;
  for (const std::string& spec : {folder.path().string(), (folder / "1.png").string()}) {
    const fs::path file = folder / "1.png";
    folder.write("1.png", toy_png(4, 4, 3, 1));
    options.spec = spec;
    const Dataset dataset = open_dataset(options);
    const int64_t index = dataset.size() / 2;
    const std::vector<float> first = read_image(dataset, index);
    const auto time = fs::last_write_time(file);
    // the same bytes again are no change
    fs::rename(folder.write("new", toy_png(4, 4, 3, 1)), file);
    EXPECT_EQ(read_image(dataset, index), first);
    std::string bytes = toy_png(4, 4, 3, 7);
    folder.write("1.png", bytes);
    fs::last_write_time(file, time);
    EXPECT_EQ(complaint<IoError>([&] { read_image(dataset, index); }),
              file.string() + " changed while it was read");
    folder.write("1.png", "");
    EXPECT_EQ(complaint<IoError>([&] { read_image(dataset, index); }),
              file.string() + " changed while it was read");
  }
}

}  // namespace
}  // namespace ddpm
