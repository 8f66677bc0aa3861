// The numbered images of a job: one file each, whole or not there, each with the settings that made
// it.
//
// An image is reused only by the job that made it. A job is its text (PngText): every setting that
// an image's bits depend on, by name, compared in both directions. docs/pictures.md lists them.

#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "ddpm/formats/image.h"
#include "ddpm/formats/png.h"

namespace ddpm {

// The largest number that an image may be given: any count may be added to it.
inline constexpr int64_t kMaxImageNumber = 1'000'000'000'000'000;

// DIR/000007.png for image 7; more digits where six are not enough.
std::filesystem::path image_file(const std::filesystem::path& folder, int64_t index);

// Image `index` of the job that `job` describes (its text chunks but for "index") as bytes of a
// PNG.
std::string encode_job_image(const Image& image, const PngText& job, int64_t index);

// Where two jobs differ, as "its seed is 3, expected 4"; "" if they are one. A key that one of them
// lacks is a difference.
std::string difference_of_jobs(const PngText& found, const PngText& job);

// The images of a job that are still to be made, without a list of them all.
class MissingImages {
 public:
  // All of first .. first + count - 1 but for `done`, which rise.
  MissingImages(int64_t first, int64_t count, std::vector<int64_t> done);

  int64_t size() const { return size_; }
  // The next ones, at most `count`; none at the end.
  std::vector<int64_t> next(int64_t count);

 private:
  int64_t next_;
  int64_t end_;
  int64_t size_;
  std::vector<int64_t> done_;
  size_t passed_ = 0;  // of done_
};

// Those of the images first .. first + count - 1 that are not there yet or were cut off. Throws
// InvalidArgument for a file at one of their names, or at grid.png, that this job did not make:
// nothing of anybody else's is ever overwritten.
MissingImages missing_images(const std::filesystem::path& folder, const PngText& job, int64_t first,
                             int64_t count);

// Throws InvalidArgument if there is anything at `path` but an image of this job.
void check_is_of_job(const std::filesystem::path& path, const PngText& job);

// The images first .. first + count - 1 as they lie in the folder. Throws InvalidArgument for one
// that another process has put there since, for another job.
std::vector<Image> read_images(const std::filesystem::path& folder, const PngText& job,
                               int64_t first, int64_t count);

}  // namespace ddpm
