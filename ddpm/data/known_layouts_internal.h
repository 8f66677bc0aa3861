// Data sets that people have in a form that is not read, and the way out.

#pragma once

#include <filesystem>
#include <string>
#include <string_view>

namespace ddpm {

// Collects hints from the names of files that are no images.
class LayoutHints {
 public:
  // `name` is the path within the folder or archive; "/" between folders.
  void see(const std::string& name);

  // What to do instead of giving `path`, "" if nothing is recognised.
  std::string advice(const std::filesystem::path& path) const;

 private:
  // The first name of each kind; "" if there is none.
  std::string cifar_pickle_;
  std::string cifar_binary_;
  std::string idx_images_;
  std::string archive_;
  std::string array_;  // of a format that holds many images in one file
};

// Whether a file is by its name the images of an IDX data set, such as
// "train-images-idx3-ubyte.gz".
bool is_idx_images(std::string_view base);

// Throws InvalidArgument that names the snapshot to give if `folder` is one of a Hugging Face
// cache: datasets--NAME or models--NAME, with blobs, refs and snapshots in it.
void refuse_hugging_face_cache(const std::filesystem::path& folder);

// The IDX file of MNIST's training or test images in `folder`, under any of the names that it is
// published by; "" if there is none.
std::filesystem::path mnist_file(const std::filesystem::path& folder, bool test);

// The ending of a name in lower case, ".webp"; "no ending" if it has none.
std::string ending_of(std::string_view name);

}  // namespace ddpm
