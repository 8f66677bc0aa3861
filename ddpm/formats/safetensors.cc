#include "ddpm/formats/safetensors.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>
#include <tuple>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"
#include "ddpm/base/foreign_file.h"
#include "ddpm/base/json.h"
#include "ddpm/base/text.h"
#include "ddpm/formats/half.h"

namespace ddpm {

namespace {

static_assert(std::endian::native == std::endian::little, "tensors are read where they lie");

constexpr size_t kLengthBytes = 8;       // of the header's length, little-endian, at the start
constexpr int64_t kPartBytes = 1 << 20;  // of a tensor, read at once
constexpr int kHeaderDepth = 3;          // the header, a tensor, its shape

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
  // `total` is the size of the whole file, of which `bytes` is the beginning: at least its first
  // kRecognisedBytes, if it has so many, for refuse_other_files(), and the whole header for
  // parse().
  Parser(std::span<const std::byte> bytes, uint64_t total, const std::string& who)
      : bytes_(bytes), total_(total), who_(who) {}

  // A file of another kind would get a complaint about the length of its header.
  void refuse_other_files() const {
    refuse_pickle(bytes_, who_);
    const size_t count = std::min(bytes_.size(), kRecognisedBytes);
    const std::string what = what_it_is(as_text(bytes_.subspan(0, count)));
    if (!what.empty() && what != "a safetensors file") fail("expected safetensors, got ", what);
  }

  // Bytes of the header behind its length, checked against the file's size.
  uint64_t header_length() const {
    if (total_ < kLengthBytes) {
      fail("a safetensors file must have at least ", kLengthBytes, " bytes, got ", total_);
    }
    uint64_t length = 0;
    std::memcpy(&length, bytes_.data(), sizeof(length));
    if (length > kMaxSafetensorsHeaderBytes) {
      fail("the header must have at most ", kMaxSafetensorsHeaderBytes, " bytes, got ", length);
    }
    if (length > total_ - kLengthBytes) {
      fail("the header has ", length, " bytes, but only ", total_ - kLengthBytes,
           " follow; perhaps an incomplete download");
    }
    return length;
  }

  std::map<std::string, TensorPlace> parse(std::map<std::string, std::string>* metadata) {
    const uint64_t header_bytes = header_length();
    const std::string_view text = as_text(bytes_.subspan(kLengthBytes, header_bytes));
    data_bytes_ = total_ - kLengthBytes - header_bytes;
    if (!text.starts_with('{')) fail("the header must start with '{'");
    const Json header = parse_json(text, who_ + ": header", kHeaderDepth);

    std::vector<Entry> entries;
    for (const auto& item : header.items()) {
      if (item.key() == kSafetensorsMetadata) {
        read_metadata(item.value(), metadata);
      } else {
        entries.push_back(entry(item.key(), item.value()));
      }
    }
    check_layout(entries);
    std::map<std::string, TensorPlace> tensors;
    const auto data_begin = static_cast<int64_t>(kLengthBytes + header_bytes);
    for (Entry& entry : entries) {
      tensors.emplace(std::move(entry.name),
                      TensorPlace{entry.dtype, std::move(entry.shape), data_begin + entry.begin,
                                  entry.end - entry.begin});
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

  void read_metadata(const Json& value, std::map<std::string, std::string>* metadata) const {
    if (!value.is_object())
      fail(kSafetensorsMetadata, " must be an object, got ", json_shown(value));
    for (const auto& item : value.items()) {
      if (!item.value().is_string()) {
        fail(kSafetensorsMetadata, ": ", json_shown(item.key()), " must be a text, got ",
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
    if (!shape.is_array() || shape.size() > kMaxSafetensorsExtents) {
      fail_at(name, "shape must be a list of at most ", kMaxSafetensorsExtents, " extents, got ",
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
    const auto dtype =
        value.is_string() ? dtype_from(value.get_ref<const std::string&>()) : std::nullopt;
    if (!dtype) fail_at(name, "unknown dtype ", json_shown(value));
    return *dtype;
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
    if (static_cast<uint64_t>(entry.end) > data_bytes_) {
      fail_at(entry.name, "ends at byte ", entry.end, " of the data, which has ", data_bytes_,
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
    const uint64_t trailing = data_bytes_ - static_cast<uint64_t>(covered);
    if (trailing > 0) fail(trailing, " trailing bytes after the last tensor");
  }

  std::span<const std::byte> bytes_;
  uint64_t total_;
  const std::string& who_;
  uint64_t data_bytes_ = 0;
};

// Each element of `bytes`, which need not be aligned, through `to_float`.
template <typename Stored, typename ToFloat>
void convert(std::span<const std::byte> bytes, ToFloat to_float, float* values) {
  const size_t count = bytes.size() / sizeof(Stored);
  const std::byte* from = bytes.data();
  for (size_t i = 0; i < count; ++i) {
    Stored stored;
    std::memcpy(&stored, from, sizeof(stored));
    values[i] = to_float(stored);
    from += sizeof(stored);
  }
}

void convert_to_floats(DType dtype, std::span<const std::byte> bytes, const std::string& who,
                       float* values) {
  switch (dtype) {
    case DType::kF64:
      return convert<double>(
          bytes, [](double value) { return static_cast<float>(value); }, values);
    case DType::kF32:
      return convert<float>(
          bytes, [](float value) { return value; }, values);
    case DType::kF16:
      return convert<uint16_t>(bytes, float_of_half, values);
    case DType::kBF16:
      return convert<uint16_t>(bytes, float_of_bfloat16, values);
    default:
      throw FormatError(concat(who, ": expected F64, F32, F16 or BF16, got ", name_of(dtype)));
  }
}

int64_t count_of(const std::vector<int64_t>& shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
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
      ", expected safetensors; PyTorch's own files can run code when they are read, so convert it "
      "where it is trusted: python3 tools/convert_pickle.py ",
      shell_word(who), " ", shell_word(converted.string())));
}

void refuse_pickle(const std::filesystem::path& path) {
  const InputFile file(path);
  std::vector<std::byte> start(
      static_cast<size_t>(std::min<int64_t>(kRecognisedBytes, file.size())));
  file.read_at(0, start);
  refuse_pickle(start, path.string());
}

int64_t TensorView::count() const { return count_of(shape); }

int64_t TensorPlace::count() const { return count_of(shape); }

SafetensorsFile::SafetensorsFile(const std::filesystem::path& path) : file_(path) {
  const std::string who = path.string();
  const auto total = static_cast<uint64_t>(file_.size());
  std::vector<std::byte> head(std::min<size_t>(kRecognisedBytes, total));
  file_.read_at(0, head);
  const Parser start(head, total, who);
  start.refuse_other_files();
  head.resize(kLengthBytes + start.header_length());
  file_.read_at(0, head);
  tensors_ = Parser(head, total, who).parse(&metadata_);
}

std::string SafetensorsFile::bytes(const std::string& name) const {
  const TensorPlace& place = tensors_.at(name);
  std::string bytes(static_cast<size_t>(place.bytes), '\0');
  file_.read_at(place.begin, std::as_writable_bytes(std::span<char>(bytes)));
  file_.check_unchanged();
  return bytes;
}

std::vector<float> SafetensorsFile::floats(const std::string& name, const std::string& who) const {
  const TensorPlace& place = tensors_.at(name);
  std::vector<float> values(static_cast<size_t>(place.count()));
  if (place.dtype == DType::kF32) {
    file_.read_at(place.begin, std::as_writable_bytes(std::span<float>(values)));
  } else {
    std::vector<std::byte> part(static_cast<size_t>(std::min(place.bytes, kPartBytes)));
    for (int64_t at = 0; at < place.bytes; at += kPartBytes) {
      const auto now =
          std::span(part).first(static_cast<size_t>(std::min(kPartBytes, place.bytes - at)));
      file_.read_at(place.begin + at, now);
      convert_to_floats(place.dtype, now, who, values.data() + at / size_of(place.dtype));
    }
  }
  file_.check_unchanged();
  return values;
}

std::map<std::string, TensorView> parse_safetensors(std::span<const std::byte> bytes,
                                                    const std::string& who,
                                                    std::map<std::string, std::string>* metadata) {
  Parser parser(bytes, bytes.size(), who);
  parser.refuse_other_files();
  std::map<std::string, TensorView> tensors;
  for (auto& [name, place] : parser.parse(metadata)) {
    const auto data =
        bytes.subspan(static_cast<size_t>(place.begin), static_cast<size_t>(place.bytes));
    tensors.emplace(name, TensorView{place.dtype, std::move(place.shape), data});
  }
  return tensors;
}

std::vector<float> as_floats(const TensorView& tensor, const std::string& who) {
  std::vector<float> values(tensor.bytes.size() / static_cast<size_t>(size_of(tensor.dtype)));
  convert_to_floats(tensor.dtype, tensor.bytes, who, values.data());
  return values;
}

}  // namespace ddpm
