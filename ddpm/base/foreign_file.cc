#include "ddpm/base/foreign_file.h"

#include <algorithm>
#include <array>

#include "ddpm/base/text.h"

namespace ddpm {

namespace {

using namespace std::string_view_literals;

constexpr std::string_view kUtf8Mark = "\xef\xbb\xbf"sv;
constexpr std::string_view kSpace = " \t\r\n"sv;
constexpr const char* kDownloadAgain =
    ", as a server sends in place of a file; download the file again";

struct Magic {
  size_t offset;
  std::string_view bytes;
  const char* what;
};

// The first that fits is the answer.
constexpr std::array kMagics = {
    Magic{0, "version https://git-lfs.github.com/spec/"sv,
          "a Git LFS pointer, not the file itself; run 'git lfs pull' in its repository"},
    Magic{0, "version https://hawser.github.com/spec/"sv,
          "a Git LFS pointer, not the file itself; run 'git lfs pull' in its repository"},
    Magic{0, "/annex/objects/"sv,
          "a git-annex pointer, not the file itself; run 'git annex get' in its repository"},
    Magic{0, "\x1f\x8b"sv, "gzip-compressed data; decompress it with gunzip"},
    Magic{0, "BZh"sv, "bzip2-compressed data; decompress it with bunzip2"},
    Magic{0, "\xfd\x37zXZ\0"sv, "xz-compressed data; decompress it with unxz"},
    Magic{0, "\x28\xb5\x2f\xfd"sv, "zstd-compressed data; decompress it with unzstd"},
    Magic{0, "\x04\x22\x4d\x18"sv, "lz4-compressed data; decompress it with unlz4"},
    Magic{0, "7z\xbc\xaf\x27\x1c"sv, "a 7z archive; unpack it"},
    Magic{0, "Rar!\x1a\x07"sv, "a RAR archive; unpack it"},
    Magic{0, "PK\3\4"sv, "a zip archive"},
    Magic{0, "PK\5\6"sv, "an empty zip archive"},
    Magic{257, "ustar"sv, "a tar archive"},
    Magic{0, "\x89HDF\r\n\x1a\n"sv, "an HDF5 file"},
    Magic{0, "\x93NUMPY"sv, "a NumPy .npy file"},
    Magic{0, "GGUF"sv, "a GGUF file"},
    Magic{0, "PAR1"sv, "a Parquet file; extract its images first"},
    Magic{0, "%PDF-"sv, "a PDF document"},
    Magic{0,
          "\x7f"
          "ELF"sv,
          "an ELF program"},
    Magic{0, "SQLite format 3\0"sv, "an SQLite database"},
    Magic{0, "\x89PNG\r\n\x1a\n"sv, "a PNG image"},
    Magic{0, "\xff\xd8\xff"sv, "a JPEG image"},
    Magic{0, "GIF8"sv, "a GIF image"},
    Magic{8, "WEBP"sv, "a WebP image"},
    Magic{0, "II*\0"sv, "a TIFF image"},
    Magic{0, "MM\0*"sv, "a TIFF image"},
    Magic{0, "II+\0"sv, "a BigTIFF image"},
    Magic{0, "MM\0+"sv, "a BigTIFF image"},
    Magic{4, "ftypavif"sv, "an AVIF image; convert it to PNG"},
    Magic{4, "ftypheic"sv, "an HEIC image; convert it to PNG"},
    Magic{4, "ftypheix"sv, "an HEIC image; convert it to PNG"},
    Magic{4, "ftypmif1"sv, "an HEIF image; convert it to PNG"},
    Magic{4, "ftyp"sv, "an MP4 video"},
    Magic{0, "\0\0\0\x0cJXL \r\n\x87\n"sv, "a JPEG XL image; convert it to PNG"},
    Magic{0, "\xff\x0a"sv, "a JPEG XL image; convert it to PNG"},
    Magic{0, "\0\0\0\x0cjP  \r\n\x87\n"sv, "a JPEG 2000 image; convert it to PNG"},
    Magic{0, "8BPS"sv, "a Photoshop document; export it as PNG"},
    Magic{0, "\x76\x2f\x31\x01"sv, "an OpenEXR image; convert it to PNG"},
    Magic{0, "RIFF"sv, "a RIFF file"},
};

std::string_view without_space(std::string_view text) {
  if (text.starts_with(kUtf8Mark)) text.remove_prefix(kUtf8Mark.size());
  const size_t begin = text.find_first_not_of(kSpace);
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

// Web pages and the short messages with which servers answer.
std::string what_text_it_is(std::string_view bytes) {
  const std::string text = lower_case(without_space(bytes));
  const auto begins = [&](std::string_view with) { return text.starts_with(with); };
  if (begins("<!doctype html") || begins("<html") || begins("<head") || begins("<body")) {
    return std::string("an HTML page") + kDownloadAgain;
  }
  if (begins("<svg")) return "an SVG drawing; convert it to PNG";
  if (begins("<?xml")) {
    if (text.find("<svg") != std::string::npos) return "an SVG drawing; convert it to PNG";
    if (text.find("<html") != std::string::npos)
      return std::string("an HTML page") + kDownloadAgain;
    return std::string("an XML document") + kDownloadAgain;
  }
  for (const std::string_view message :
       {"entry not found"sv, "repository not found"sv, "not found"sv, "404: not found"sv,
        "invalid username or password"sv, "access denied"sv, "unauthorized"sv, "forbidden"sv,
        "access to model "sv, "{\"error\":"sv}) {
    if (begins(message)) return std::string("a server's error message") + kDownloadAgain;
  }
  return begins("{") || begins("[") ? "JSON text" : "";
}

}  // namespace

std::string what_it_is(std::string_view bytes) {
  bytes = bytes.substr(0, kRecognisedBytes);
  if (bytes.empty()) return "an empty file; download or copy it again";
  // first, because the length before its header may be the start of anything else
  if (bytes.size() > 8 && bytes.substr(4).starts_with("\0\0\0\0{"sv)) return "a safetensors file";
  for (const Magic& magic : kMagics) {
    if (bytes.size() > magic.offset && bytes.substr(magic.offset).starts_with(magic.bytes)) {
      return magic.what;
    }
  }
  if (bytes.starts_with("BM") &&
      bytes.substr(std::min<size_t>(6, bytes.size())).starts_with("\0\0\0\0"sv)) {
    return "a BMP image";
  }
  // torch.save before 1.6, and what Python's pickle writes: the protocol's number, then an opcode
  if (bytes.size() >= 2 && bytes[0] == '\x80' && bytes[1] >= 2 && bytes[1] <= 5) {
    return "a Python pickle";
  }
  if (bytes.starts_with("\xff\xfe"sv) || bytes.starts_with("\xfe\xff"sv)) {
    return "UTF-16 text; save it as UTF-8";
  }
  if (bytes.size() >= 16 && bytes.find_first_not_of('\0') == std::string_view::npos) {
    return "zero bytes, as an interrupted download or copy leaves; download or copy it again";
  }
  return what_text_it_is(bytes);
}

std::string got_instead(std::string_view bytes) {
  const std::string what = what_it_is(bytes);
  return what.empty() ? "bytes of an unknown kind" : what;
}

}  // namespace ddpm
