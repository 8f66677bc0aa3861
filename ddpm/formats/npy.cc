#include "ddpm/formats/npy.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "ddpm/base/check.h"
#include "ddpm/base/text.h"

namespace ddpm {

namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kLargestHeader = 1 << 16;
constexpr int64_t kMostDimensions = 32;

int64_t bytes_of(const std::string& dtype) {
  if (dtype == "<f4" || dtype == "<i4") return 4;
  if (dtype == "<f8" || dtype == "<i8") return 8;
  if (dtype == "|u1") return 1;
  return 0;
}

// Reads the dictionary of a header: {'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }.
class HeaderReader {
 public:
  HeaderReader(std::string_view text, const std::string& who) : text_(text), who_(who) {}

  NpyArray read() {
    NpyArray array;
    bool order = false;
    bool shape = false;
    expect('{');
    while (!take('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && array.dtype.empty()) {
        array.dtype = quoted();
      } else if (key == "fortran_order" && !order) {
        read_order();
        order = true;
      } else if (key == "shape" && !shape) {
        array.shape = tuple();
        shape = true;
      } else {
        fail("an unexpected key '" + key + "'");
      }
      if (!take(',') && peek() != '}') fail("no comma");
    }
    skip_space();
    if (at_ != text_.size() || array.dtype.empty() || !order || !shape) fail("parts are missing");
    return array;
  }

 private:
  [[noreturn]] void fail(const std::string& what) const {
    throw FormatError(concat(who_, ": damaged .npy header: ", what));
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n')) ++at_;
  }
  char peek() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!take(c)) fail(concat("no '", c, "' at byte ", at_));
  }
  std::string quoted() {
    const char quote = peek();
    if (quote != '\'' && quote != '"') fail("no quoted word");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail("a quote without its end");
    std::string word(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return word;
  }
  void read_order() {
    skip_space();
    if (text_.substr(at_, 4) == "True") {
      throw FormatError(concat(who_,
                               ": Fortran order is not read; numpy.ascontiguousarray "
                               "makes C order"));
    }
    if (text_.substr(at_, 5) != "False") fail("fortran_order is neither True nor False");
    at_ += 5;
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> numbers;
    expect('(');
    while (!take(')')) {
      skip_space();
      size_t end = at_;
      while (end < text_.size() && text_[end] >= '0' && text_[end] <= '9') ++end;
      const auto number = parse_int(text_.substr(at_, end - at_));
      if (!number || std::ssize(numbers) == kMostDimensions) fail("the shape");
      numbers.push_back(*number);
      at_ = end;
      if (!take(',') && peek() != ')') fail("the shape");
    }
    return numbers;
  }

  std::string_view text_;
  std::string who_;
  size_t at_ = 0;
};

uint32_t little_endian(std::string_view bytes) {
  uint32_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) {
    value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  }
  return value;
}

// The header's text and where the data begin.
std::pair<std::string_view, size_t> header_of(std::string_view bytes, const std::string& who) {
  constexpr size_t kVersionAt = 6;
  if (bytes.empty()) throw FormatError(concat(who, ": expected a .npy file, got an empty one"));
  if (bytes.size() < 10 || bytes.substr(0, kMagic.size()) != kMagic) {
    throw FormatError(concat(who, ": not a .npy file"));
  }
  const int version = static_cast<unsigned char>(bytes[kVersionAt]);
  if (version < 1 || version > 3 || bytes[kVersionAt + 1] != 0) {
    throw FormatError(concat(who, ": .npy format ", version, " is not read, wanted 1.0 to 3.0"));
  }
  const size_t digits = version == 1 ? 2 : 4;
  const size_t begin = kVersionAt + 2 + digits;
  if (bytes.size() < begin) throw FormatError(concat(who, ": damaged .npy header: cut off"));
  const size_t length = little_endian(bytes.substr(kVersionAt + 2, digits));
  if (length > kLargestHeader || length > bytes.size() - begin) {
    throw FormatError(concat(who, ": damaged .npy header: a length of ", length));
  }
  return {bytes.substr(begin, length), begin + length};
}

// The number of values, or nothing if their bytes would be more than `room`.
std::optional<int64_t> count_within(const std::vector<int64_t>& shape, int64_t value_bytes,
                                    int64_t room) {
  int64_t count = 1;
  for (const int64_t extent : shape) {
    if (extent == 0) return 0;
  }
  for (const int64_t extent : shape) {
    if (extent > room / value_bytes / count) return std::nullopt;
    count *= extent;
  }
  return count;
}

// Appends what a pipe has, up to `most` bytes in all. Memory is taken as bytes arrive, not as they
// are promised.
void read_up_to(const InputFile& pipe, int64_t most, std::string& bytes) {
  constexpr int64_t kPiece = 1 << 20;
  while (std::ssize(bytes) < most) {
    const size_t have = bytes.size();
    bytes.resize(static_cast<size_t>(std::min(most, std::ssize(bytes) + kPiece)));
    const size_t got = pipe.read_some(std::as_writable_bytes(std::span(bytes)).subspan(have));
    bytes.resize(have + got);
    if (got == 0) return;
  }
}

template <typename From, typename To>
std::vector<To> convert(const std::string& bytes) {
  std::vector<To> values(bytes.size() / sizeof(From));
  for (size_t i = 0; i < values.size(); ++i) {
    From value;
    std::memcpy(&value, bytes.data() + i * sizeof(From), sizeof(From));
    values[i] = static_cast<To>(value);
  }
  return values;
}

}  // namespace

int64_t NpyArray::count() const {
  if (std::find(shape.begin(), shape.end(), 0) != shape.end()) return 0;
  int64_t count = 1;
  for (const int64_t extent : shape) {
    DDPM_CHECK(extent > 0 && !__builtin_mul_overflow(count, extent, &count),
               "npy: expected a shape of fewer than 2^63 values, got ", shape_text(shape));
  }
  return count;
}

NpyHeader decode_npy_header(std::string_view front, int64_t file_bytes, const std::string& who) {
  const auto [text, data_begin] = header_of(front, who);
  NpyHeader header{HeaderReader(text, who).read(), static_cast<int64_t>(data_begin)};
  const NpyArray& array = header.array;
  const int64_t value_bytes = bytes_of(array.dtype);
  if (value_bytes == 0) {
    throw FormatError(
        concat(who, ": expected the dtype <f4, <f8, <i4, <i8 or |u1, got '", array.dtype, "'"));
  }
  const int64_t data_bytes = file_bytes - header.data_begin;
  const auto count = count_within(array.shape, value_bytes, data_bytes);
  if (!count || *count * value_bytes != data_bytes) {
    throw FormatError(concat(who, ": the shape ", shape_text(array.shape), " of ", array.dtype,
                             " does not fit ", data_bytes, " bytes of data"));
  }
  return header;
}

NpyArray decode_npy(std::string_view bytes, const std::string& who) {
  NpyHeader header = decode_npy_header(bytes, std::ssize(bytes), who);
  header.array.bytes = bytes.substr(static_cast<size_t>(header.data_begin));
  return std::move(header.array);
}

NpyArray read_npy(const std::filesystem::path& path, const std::string& who, int64_t max_bytes) {
  const InputFile file(path, Pipes::kTaken);
  if (!file.is_pipe()) return decode_npy(read_file(file, max_bytes), who);
  std::string bytes;
  read_up_to(file, kMaxNpyFrontBytes, bytes);
  const auto [text, data_begin] = header_of(bytes, who);
  const NpyArray array = HeaderReader(text, who).read();
  // an unknown dtype is decode_npy's to report
  const int64_t value_bytes = std::max<int64_t>(bytes_of(array.dtype), 1);
  const auto count = count_within(array.shape, value_bytes, max_bytes);
  if (!count) {
    throw FormatError(concat(who, ": expected an array of at most ", max_bytes, " bytes, got ",
                             shape_text(array.shape), " of ", array.dtype));
  }
  // one byte more than it may have
  read_up_to(file, static_cast<int64_t>(data_begin) + *count * value_bytes + 1, bytes);
  return decode_npy(bytes, who);
}

NpyFile::NpyFile(const std::filesystem::path& path, std::string who)
    : who_(std::move(who)), file_(path) {
  std::string front(static_cast<size_t>(std::min(file_.size(), kMaxNpyFrontBytes)), '\0');
  file_.read_at(0, std::as_writable_bytes(std::span(front)));
  header_ = decode_npy_header(front, file_.size(), who_);
}

NpyArray NpyFile::values(int64_t first, int64_t count) const {
  DDPM_ASSERT(first >= 0 && count >= 0 && count <= header_.array.count() - first);
  const int64_t value_bytes = bytes_of(header_.array.dtype);
  NpyArray part{
      header_.array.dtype, {count}, std::string(static_cast<size_t>(count * value_bytes), '\0')};
  file_.read_at(header_.data_begin + first * value_bytes,
                std::as_writable_bytes(std::span(part.bytes)));
  return part;
}

std::vector<float> npy_floats(const NpyArray& array, const std::string& who) {
  if (array.dtype == "<f4") return convert<float, float>(array.bytes);
  if (array.dtype == "<f8") return convert<double, float>(array.bytes);
  throw FormatError(concat(who, ": wanted floating-point numbers, <f4 or <f8, got ", array.dtype));
}

std::vector<int64_t> npy_integers(const NpyArray& array, const std::string& who) {
  if (array.dtype == "<i8") return convert<int64_t, int64_t>(array.bytes);
  if (array.dtype == "<i4") return convert<int32_t, int64_t>(array.bytes);
  if (array.dtype == "|u1") return convert<uint8_t, int64_t>(array.bytes);
  throw FormatError(concat(who, ": wanted integers, <i8, <i4 or |u1, got ", array.dtype));
}

int64_t npy_data_bytes(const NpyArray& array) {
  int64_t bytes = 0;
  DDPM_CHECK(!__builtin_mul_overflow(array.count(), bytes_of(array.dtype), &bytes),
             "npy: expected a shape of fewer than 2^63 bytes, got ", shape_text(array.shape));
  return bytes;
}

std::string npy_header(const NpyArray& array) {
  constexpr size_t kAlignment = 64;
  std::string header = concat("{'descr': '", array.dtype, "', 'fortran_order': False, 'shape': (",
                              join(array.shape, ", "), array.shape.size() == 1 ? ",), }" : "), }");
  const size_t before = kMagic.size() + 4;
  header.append(kAlignment - (before + header.size() + 1) % kAlignment, ' ');
  header += '\n';
  std::string bytes(kMagic);
  bytes += {'\x01', '\x00', static_cast<char>(header.size() & 0xff),
            static_cast<char>(header.size() >> 8)};
  return bytes + header;
}

std::string encode_npy(const NpyArray& array) { return npy_header(array) + array.bytes; }

}  // namespace ddpm
