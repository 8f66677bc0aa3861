// For tests: JPEG files made by libjpeg, and their segments.

#pragma once

#include <cstdio>
#include <cstdlib>
#include <numeric>
#include <string>
#include <vector>

// after <cstdio>
#include <jpeglib.h>

namespace ddpm {

struct JpegOptions {
  int width = 32;
  int height = 16;
  int components = 3;
  J_COLOR_SPACE space = JCS_RGB;
  std::string exif = {};  // of an APP1 marker
  bool progressive = false;
  bool arithmetic = false;
  bool adobe_marker_alone = false;  // and no JFIF marker
  bool no_adobe_marker = false;
  bool scan_per_component = false;
  unsigned restart_interval = 0;  // blocks
};

inline void apply_options(jpeg_compress_struct& jpeg, const JpegOptions& options,
                          jpeg_scan_info* scans) {
  jpeg_set_quality(&jpeg, 100, TRUE);
  if (options.progressive) jpeg_simple_progression(&jpeg);
  if (options.adobe_marker_alone) {
    jpeg.write_JFIF_header = FALSE;
    jpeg.write_Adobe_marker = TRUE;
  }
  if (options.no_adobe_marker) jpeg.write_Adobe_marker = FALSE;
  if (options.scan_per_component) {
    for (int c = 0; c < options.components; ++c) scans[c] = {1, {c}, 0, 63, 0, 0};
    jpeg.scan_info = scans;
    jpeg.num_scans = options.components;
  }
  jpeg.arith_code = options.arithmetic ? TRUE : FALSE;
  jpeg.restart_interval = options.restart_interval;
}

// One colour, 60 and 60 more for each further component, but for its left half, which is 0.
inline std::string made_jpeg(const JpegOptions& options) {
  jpeg_compress_struct jpeg{};
  jpeg_error_mgr errors{};
  jpeg_scan_info scans[4] = {};
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  unsigned char* memory = nullptr;
  unsigned long size = 0;
  jpeg_mem_dest(&jpeg, &memory, &size);
  jpeg.image_width = static_cast<JDIMENSION>(options.width);
  jpeg.image_height = static_cast<JDIMENSION>(options.height);
  jpeg.input_components = options.components;
  jpeg.in_color_space = options.space;
  jpeg_set_defaults(&jpeg);
  apply_options(jpeg, options, scans);
  jpeg_start_compress(&jpeg, TRUE);
  if (!options.exif.empty()) {
    jpeg_write_marker(&jpeg, JPEG_APP0 + 1, reinterpret_cast<const JOCTET*>(options.exif.data()),
                      static_cast<unsigned int>(options.exif.size()));
  }
  std::vector<JSAMPLE> row;
  for (int x = 0; x < options.width; ++x) {
    for (int c = 0; c < options.components; ++c) {
      row.push_back(static_cast<JSAMPLE>(x < options.width / 2 ? 0 : 60 + 60 * c));
    }
  }
  JSAMPROW pointer = row.data();
  while (jpeg.next_scanline < jpeg.image_height) jpeg_write_scanlines(&jpeg, &pointer, 1);
  jpeg_finish_compress(&jpeg);
  std::string bytes(reinterpret_cast<char*>(memory), size);
  jpeg_destroy_compress(&jpeg);
  std::free(memory);
  return bytes;
}

// The file cut before each marker but those of restarts: joined, they are the file again. A scan is
// one segment with its coefficients.
inline std::vector<std::string> segments_of(const std::string& file) {
  std::vector<std::string> segments;
  size_t at = 0;
  while (at < file.size()) {
    size_t end = at + 2;
    const auto marker = static_cast<unsigned char>(file[at + 1]);
    if (marker != 0xd8 && marker != 0xd9) {
      end += static_cast<size_t>(static_cast<unsigned char>(file[at + 2]) << 8 |
                                 static_cast<unsigned char>(file[at + 3]));
    }
    if (marker == 0xda) {
      const auto is_data = [&](size_t i) {
        const auto next = static_cast<unsigned char>(file[i + 1]);
        return file[i] != '\xff' || next == 0 || (next & 0xf8) == 0xd0;
      };
      while (end + 1 < file.size() && is_data(end)) ++end;
    }
    segments.push_back(file.substr(at, end - at));
    at = end;
  }
  return segments;
}

inline std::string joined(const std::vector<std::string>& segments) {
  return std::accumulate(segments.begin(), segments.end(), std::string());
}

// The places of the segments with this marker.
inline std::vector<size_t> places_of(const std::vector<std::string>& segments, char marker) {
  std::vector<size_t> places;
  for (size_t i = 0; i < segments.size(); ++i) {
    if (segments[i][1] == marker) places.push_back(i);
  }
  return places;
}

}  // namespace ddpm
