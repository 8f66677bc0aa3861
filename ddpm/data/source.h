// What --data may name, and the pictures in it.

#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ddpm/data/transform.h"
#include "ddpm/formats/archive.h"
#include "ddpm/formats/image.h"

namespace ddpm {

struct DataOptions {
  // fashion-mnist or fashion-mnist:test (the Debian package dataset-fashion-mnist); a folder tree
  // of image files; a .zip, .tar, .tar.gz, .. of such; one image file; an IDX file, .gz too; a
  // folder of MNIST's IDX files or of CIFAR-10's binary version (the training images; FOLDER:test
  // the test images) or one .bin file of the latter.
  std::string spec;

  // Pixels; both 0: the size of the images, of which all must then have the same; with a `fit` the
  // most frequent size (of equals the smallest).
  int64_t height = 0;
  int64_t width = 0;

  // 1, 3 or 4; 0: by the pixels. 4 if the mean opacity of all pixels is below kOpaque; otherwise 1
  // if red, green and blue are equal in every pixel, else 3. transform.h has the rules by which
  // images are converted.
  int channels = 0;
  static constexpr double kOpaque = 0.99;  // so that a few transparent pixels make no RGBA

  Fit fit = Fit::kNone;
  double max_bad_share = 0.01;  // in [0, 1], of the files found: unreadable ones that are skipped
  int64_t threads = 0;          // that decode; 0: one for each usable core

  // Decoded images beyond this are decoded again whenever they are read. None: half of the memory
  // that is available when they are opened.
  std::optional<int64_t> memory_limit_bytes;
  // The images of an archive, still compressed, are held in memory; more than this are refused.
  int64_t archive_limit_bytes = int64_t{16} << 30;
};

// Files that are left out, by kind: a file's ending such as ".txt", "hidden folders", ..
using LeftOut = std::map<std::string, int64_t>;

// ".txt (2), hidden files (1)", the most frequent first.
std::string left_out_text(const LeftOut& left_out);

// What was found. Sizes are written height x width.
struct DataReport {
  static constexpr size_t kNamesShown = 10;

  std::string source;  // "folder flowers"
  int64_t found = 0;   // files that are images by their name, and folders that cannot be listed
  int64_t used = 0;    // found - unreadable
  int64_t unreadable = 0;
  int64_t converted = 0;                 // of the used ones, to other channels
  int64_t fitted = 0;                    // of the used ones, to another size
  LeftOut left_out;                      // every other file, and folders not entered
  std::string channels_rule;             // how the channels were chosen; "" if they were given
  std::vector<std::string> notes;        // what was not read beside these, a sentence each
  std::vector<std::string> bad_names;    // the first kNamesShown: "name: reason"
  std::map<std::string, int64_t> sizes;  // "28x28" -> images, before fitting
  std::map<std::string, int64_t> conversions;  // "gray to RGB" -> images

  std::string lines() const;       // for people: a few lines, each ending in a newline
  std::string sizes_text() const;  // "28x28 (10), 32x48 (3)", the most frequent first
};

// Where images come from, in a fixed order: sorted by their names relative to the folder or in
// the archive; as they lie in an IDX or CIFAR-10 file.
struct Source {
  std::string description;         // "folder flowers"
  std::vector<std::string> names;  // one per image, raw bytes
  // Image `index`. May be called by several threads. Throws FormatError or IoError that starts with
  // the name; IoError for a file that has other bytes than in the first call for it.
  std::function<Image(int64_t index)> decode;
  // Of each image the first one with the same bytes, often itself; empty if none is known to be a
  // copy. A copy is not decoded for itself.
  std::vector<int64_t> first_copy = {};
  LeftOut left_out = {};
  std::vector<std::string> notes = {};  // what else to know of it, as DataReport::notes

  int64_t count() const { return static_cast<int64_t>(names.size()); }
};

// Opens what options.spec names, decoding no image yet. In a folder, symbolic links are followed,
// but no folder is entered twice; in an archive, links are resolved within it. Left out, and
// counted, are files of other endings, hidden files and folders (a name that starts with a dot, and
// __MACOSX), and run folders of this program. `give_up` is called while folders and archives are
// read. Throws InvalidArgument, with the forms that are accepted, for what does not exist or is
// none of them; FormatError or IoError for a file that cannot be read, and for no image at all,
// naming what was found and the way out.
Source open_source(const DataOptions& options, const GiveUp& give_up = {});

// The training or the test images of Fashion-MNIST from the IDX files in `folder`. Throws IoError
// that says how to get them if they are missing.
Source open_fashion_mnist(const std::filesystem::path& folder, bool test);

}  // namespace ddpm
