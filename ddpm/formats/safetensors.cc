#include "ddpm/formats/safetensors.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <tuple>

#include "ddpm/base/check.h"
#include "ddpm/base/foreign_file.h"
#include "ddpm/base/json.h"
#include "ddpm/base/text.h"
#include "ddpm/formats/half.h"

namespace ddpm {

namespace {

static_assert(std::endian::native == std::endian::little, "tensors are read where they lie");

constexpr size_t kLengthBytes = 8;  // of the header's length, little-endian, at the start
constexpr uint64_t kMostHeaderBytes = 100'000'000;
constexpr size_t kMostExtents = 8;
constexpr int kHeaderDepth = 3;  // the header, a tensor, its shape
constexpr const char* kMetadata = "__metadata__";

struct DTypeRow {
  DType dtype;
  const char* name;
  int64_t size;
};

constexpr std::array<DTypeRow, 10> kDTypes = {{{DType::kF64, "F64", 8},
                                               {DType::kF32, "F32", 4},
                                               {DType::kF16, "F16", 2},
                                               {DType::kBF16, "BF16", 2},
                                               {DType::kI64, "I64", 8},
                                               {DType::kI32, "I32", 4},
                                               {DType::kI16, "I16", 2},
                                               {DType::kI8, "I8", 1},
                                               {DType::kU8, "U8", 1},
                                               {DType::kBool, "BOOL", 1}}};

const DTypeRow& row_of(DType dtype) { return kDTypes.at(static_cast<size_t>(dtype)); }

// Bytes of a tensor, or nothing if the extents other than 0 have a product that no int64_t holds.
std::optional<int64_t> byte_count(const std::vector<int64_t>& shape, DType dtype) {
  int64_t bytes = size_of(dtype);
  bool empty = false;
  for (int64_t extent : shape) {
    if (extent == 0) {
      empty = true;
    } else if (__builtin_mul_overflow(bytes, extent, &bytes)) {
      return std::nullopt;
    }
  }
  return empty ? 0 : bytes;
}

// One entry of the header, before it is known to fit the others.
struct Entry {
  std::string name;
  DType dtype;
  std::vector<int64_t> shape;
  int64_t begin;  // bytes into the data
  int64_t end;
};

class Parser {
 public:
  Parser(std::span<const std::byte> bytes, const std::string& who) : bytes_(bytes), who_(who) {}

  std::map<std::string, TensorView> parse(std::map<std::string, std::string>* metadata) {
    refuse_pickle(bytes_, who_);
    refuse_foreign();
    const uint64_t header_bytes = header_length();
    const std::string_view text = as_text(bytes_.subspan(kLengthBytes, header_bytes));
    data_ = bytes_.subspan(kLengthBytes + header_bytes);
    if (!text.starts_with('{')) fail("the header must start with '{'");
    const Json header = parse_json(text, who_ + ": header", kHeaderDepth);

    std::vector<Entry> entries;
    for (const auto& item : header.items()) {
      if (item.key() == kMetadata) {
        read_metadata(item.value(), metadata);
      } else {
        entries.push_back(entry(item.key(), item.value()));
      }
    }
    check_layout(entries);
    std::map<std::string, TensorView> tensors;
    for (Entry& entry : entries) {
      const auto place = data_.subspan(static_cast<size_t>(entry.begin),
                                       static_cast<size_t>(entry.end - entry.begin));
      tensors.emplace(std::move(entry.name),
                      TensorView{entry.dtype, std::move(entry.shape), place});
    }
    return tensors;
  }

 private:
  template <typename... Parts>
  [[noreturn]] void fail(const Parts&... parts) const {
    throw FormatError(concat(who_, ": ", parts...));
  }
  template <typename... Parts>
  [[noreturn]] void fail_at(const std::string& name, const Parts&... parts) const {
    fail("tensor ", json_shown(name), ": ", parts...);
  }

  // A file of another kind would get a complaint about the length of its header.
  void refuse_foreign() const {
    const size_t count = std::min(bytes_.size(), kRecognisedBytes);
    const std::string what = what_it_is(as_text(bytes_.subspan(0, count)));
    if (!what.empty() && what != "a safetensors file") fail("expected safetensors, got ", what);
  }

  uint64_t header_length() const {
    if (bytes_.size() < kLengthBytes) {
      fail("a safetensors file must have at least ", kLengthBytes, " bytes, got ", bytes_.size());
    }
    uint64_t length = 0;
    std::memcpy(&length, bytes_.data(), sizeof(length));
    if (length > kMostHeaderBytes) {
      fail("the header must have at most ", kMostHeaderBytes, " bytes, got ", length);
    }
    if (length > bytes_.size() - kLengthBytes) {
      fail("the header has ", length, " bytes, but only ", bytes_.size() - kLengthBytes,
           " follow; perhaps an incomplete download");
    }
    return length;
  }

  void read_metadata(const Json& value, std::map<std::string, std::string>* metadata) const {
    if (!value.is_object()) fail(kMetadata, " must be an object, got ", json_shown(value));
    for (const auto& item : value.items()) {
      if (!item.value().is_string()) {
        fail(kMetadata, ": ", json_shown(item.key()), " must be a text, got ",
             json_shown(item.value()));
      }
      if (metadata != nullptr) metadata->emplace(item.key(), item.value().get<std::string>());
    }
  }

  Entry entry(const std::string& name, const Json& value) const {
    const bool complete = value.is_object() && value.size() == 3 && value.contains("dtype") &&
                          value.contains("shape") && value.contains("data_offsets");
    if (!complete) {
      fail_at(name, "must have dtype, shape and data_offsets alone, got ", json_shown(value));
    }
    Entry entry{name, dtype(name, value["dtype"]), {}, 0, 0};
    const Json& shape = value["shape"];
    if (!shape.is_array() || shape.size() > kMostExtents) {
      fail_at(name, "shape must be a list of at most ", kMostExtents, " extents, got ",
              json_shown(shape));
    }
    for (const Json& extent : shape) entry.shape.push_back(whole(name, "shape", extent));
    const Json& offsets = value["data_offsets"];
    if (!offsets.is_array() || offsets.size() != 2) {
      fail_at(name, "data_offsets must be [begin, end], got ", json_shown(offsets));
    }
    entry.begin = whole(name, "data_offsets", offsets[0]);
    entry.end = whole(name, "data_offsets", offsets[1]);
    check_extent(entry);
    return entry;
  }

  DType dtype(const std::string& name, const Json& value) const {
    for (const DTypeRow& row : kDTypes) {
      if (value == row.name) return row.dtype;
    }
    fail_at(name, "unknown dtype ", json_shown(value));
  }

  int64_t whole(const std::string& name, const char* key, const Json& value) const {
    if (!value.is_number_unsigned() || value.get<uint64_t>() > uint64_t{INT64_MAX}) {
      fail_at(name, key, " must have whole numbers from 0 to below 2^63, got ", json_shown(value));
    }
    return value.get<int64_t>();
  }

  void check_extent(const Entry& entry) const {
    const std::optional<int64_t> bytes = byte_count(entry.shape, entry.dtype);
    if (!bytes) fail_at(entry.name, "shape ", json_shown(entry.shape), " is too large");
    if (entry.begin > entry.end) {
      fail_at(entry.name, "data_offsets must not fall, got ", entry.begin, " to ", entry.end);
    }
    if (entry.end - entry.begin != *bytes) {
      fail_at(entry.name, "shape ", json_shown(entry.shape), " of ", name_of(entry.dtype),
              " takes ", *bytes, " bytes, but data_offsets have ", entry.end - entry.begin);
    }
    if (static_cast<uint64_t>(entry.end) > data_.size()) {
      fail_at(entry.name, "ends at byte ", entry.end, " of the data, which has ", data_.size(),
              "; perhaps an incomplete download");
    }
  }

  // The tensors must cover the data, each byte once.
  void check_layout(std::vector<Entry>& entries) const {
    std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
      return std::tie(a.begin, a.end, a.name) < std::tie(b.begin, b.end, b.name);
    });
    int64_t covered = 0;
    for (const Entry& entry : entries) {
      if (entry.begin < covered) {
        fail_at(entry.name, "overlaps another: begins at byte ", entry.begin,
                " of the data, where ", covered, " are taken");
      }
      if (entry.begin > covered) {
        fail_at(entry.name, "begins at byte ", entry.begin, " of the data after a gap of ",
                entry.begin - covered, " bytes");
      }
      covered = entry.end;
    }
    const uint64_t trailing = data_.size() - static_cast<uint64_t>(covered);
    if (trailing > 0) fail(trailing, " trailing bytes after the last tensor");
  }

  std::span<const std::byte> bytes_;
  const std::string& who_;
  std::span<const std::byte> data_;
};

// Each value of `bytes`, which need not be aligned, through `to_float`.
template <typename Stored, typename ToFloat>
std::vector<float> converted(std::span<const std::byte> bytes, ToFloat to_float) {
  std::vector<float> values(bytes.size() / sizeof(Stored));
  const std::byte* from = bytes.data();
  for (float& value : values) {
    Stored stored;
    std::memcpy(&stored, from, sizeof(stored));
    value = to_float(stored);
    from += sizeof(stored);
  }
  return values;
}

int64_t checked_byte_count(const TensorHeader& tensor) {
  const bool legal = tensor.shape.size() <= kMostExtents &&
                     std::all_of(tensor.shape.begin(), tensor.shape.end(),
                                 [](int64_t extent) { return extent >= 0; });
  const std::optional<int64_t> bytes = byte_count(tensor.shape, tensor.dtype);
  DDPM_CHECK(legal && bytes, "encode_safetensors: tensor ", json_shown(tensor.name),
             " cannot have the shape ", json_shown(tensor.shape));
  return *bytes;
}

void check_to_write(const TensorToWrite& tensor) {
  DDPM_CHECK(
      checked_byte_count({tensor.name, tensor.dtype, tensor.shape}) == std::ssize(tensor.bytes),
      "encode_safetensors: tensor ", json_shown(tensor.name), " of shape ",
      json_shown(tensor.shape), " and ", name_of(tensor.dtype), " does not fit its ",
      tensor.bytes.size(), " bytes");
}

// `tensors` in the order of their names.
Json header_of(const std::vector<TensorHeader>& tensors,
               const std::map<std::string, std::string>& metadata) {
  Json header;
  header[kMetadata] = metadata;
  header[kMetadata].emplace("format", "pt");
  int64_t begin = 0;
  for (const TensorHeader& tensor : tensors) {
    DDPM_CHECK(!header.contains(tensor.name), "encode_safetensors: the name ",
               json_shown(tensor.name), " is taken");
    const int64_t end = begin + checked_byte_count(tensor);
    header[tensor.name] = {
        {"dtype", name_of(tensor.dtype)}, {"shape", tensor.shape}, {"data_offsets", {begin, end}}};
    begin = end;
  }
  return header;
}

// With spaces up to a multiple of 8 bytes, so that the data behind it is aligned.
std::string header_text(const Json& header) {
  std::string text;
  try {
    text = header.dump();
  } catch (const Json::type_error& error) {
    throw InvalidArgument(concat("encode_safetensors: names must be UTF-8: ", error.what()));
  }
  text.resize((text.size() + 7) / 8 * 8, ' ');
  DDPM_CHECK(text.size() <= kMostHeaderBytes, "encode_safetensors: the header must have at most ",
             kMostHeaderBytes, " bytes, got ", text.size());
  return text;
}

}  // namespace

void refuse_pickle(std::span<const std::byte> bytes, const std::string& who) {
  const std::string_view text = as_text(bytes);
  if (text.size() > 8 && text[8] == '{') return;  // the header of a safetensors file
  const bool zip = text.starts_with("PK\3\4");
  const bool pickle = text.size() >= 2 && text[0] == '\x80' && text[1] >= 2 && text[1] <= 5;
  if (!zip && !pickle) return;
  std::filesystem::path converted = who;
  if (converted.extension() == ".safetensors") converted += ".converted";
  converted.replace_extension(".safetensors");
  throw FormatError(concat(
      who, ": ", zip ? "a zip archive" : "a pickle",
      ", wanted safetensors; PyTorch's own files can run code when they are read, so convert it "
      "where it is trusted: python3 tools/convert_pickle.py ",
      shell_word(who), " ", shell_word(converted.string())));
}

int64_t size_of(DType dtype) { return row_of(dtype).size; }

const char* name_of(DType dtype) { return row_of(dtype).name; }

int64_t TensorView::count() const {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
}

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path) {
  tensors_ = parse_safetensors(file_.bytes(), path.string(), &metadata_);
}

std::map<std::string, TensorView> parse_safetensors(std::span<const std::byte> bytes,
                                                    const std::string& who,
                                                    std::map<std::string, std::string>* metadata) {
  return Parser(bytes, who).parse(metadata);
}

std::vector<float> as_floats(const TensorView& tensor, const std::string& who) {
  switch (tensor.dtype) {
    case DType::kF64:
      return converted<double>(tensor.bytes,
                               [](double value) { return static_cast<float>(value); });
    case DType::kF32:
      return converted<float>(tensor.bytes, [](float value) { return value; });
    case DType::kF16:
      return converted<uint16_t>(tensor.bytes, float_of_half);
    case DType::kBF16:
      return converted<uint16_t>(tensor.bytes, float_of_bfloat16);
    default:
      throw FormatError(concat(who, ": wanted F64, F32, F16 or BF16, got ", name_of(tensor.dtype)));
  }
}

std::string encode_safetensors_header(std::vector<TensorHeader> tensors,
                                      const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorHeader& a, const TensorHeader& b) { return a.name < b.name; });
  const std::string header = header_text(header_of(tensors, metadata));
  const uint64_t length = header.size();
  std::string bytes(kLengthBytes, '\0');
  std::memcpy(bytes.data(), &length, sizeof(length));
  return bytes + header;
}

std::string encode_safetensors(std::vector<TensorToWrite> tensors,
                               const std::map<std::string, std::string>& metadata) {
  std::sort(tensors.begin(), tensors.end(),
            [](const TensorToWrite& a, const TensorToWrite& b) { return a.name < b.name; });
  std::vector<TensorHeader> headers;
  for (const TensorToWrite& tensor : tensors) {
    check_to_write(tensor);
    headers.push_back({tensor.name, tensor.dtype, tensor.shape});
  }
  std::string file = encode_safetensors_header(std::move(headers), metadata);
  for (const TensorToWrite& tensor : tensors) file += as_text(tensor.bytes);
  return file;
}

}  // namespace ddpm
