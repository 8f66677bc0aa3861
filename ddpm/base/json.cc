#include "ddpm/base/json.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <set>

#include "ddpm/base/check.h"
#include "ddpm/base/foreign_file.h"
#include "ddpm/base/text.h"
#include "ddpm/base/utf8.h"

namespace ddpm {

namespace {

// What a value takes in memory, at least: a list of empty lists has 16 times the bytes of its text.
constexpr int64_t kValueBytes = 16;
constexpr int64_t kBlockBytes = 48;  // of a list's, an object's or a text's own memory
constexpr int64_t kKeyBytes = 160;   // in the object, and in the set of those seen

// Builds the value while it watches depth, keys and memory, which nlohmann's own parser does not.
class StrictBuilder : public nlohmann::json_sax<Json> {
 public:
  StrictBuilder(Json& root, int max_depth) : builder_(root, true), max_depth_(max_depth) {}

  bool null() override { return spend(kValueBytes), builder_.null(); }
  bool boolean(bool value) override { return spend(kValueBytes), builder_.boolean(value); }
  bool number_integer(number_integer_t value) override {
    spend(kValueBytes);
    return builder_.number_integer(value);
  }
  bool number_unsigned(number_unsigned_t value) override {
    spend(kValueBytes);
    return builder_.number_unsigned(value);
  }
  bool number_float(number_float_t value, const string_t& text) override {
    if (!std::isfinite(value)) throw FormatError(concat("the number ", text, " is too large"));
    spend(kValueBytes);
    return builder_.number_float(value, text);
  }
  bool string(string_t& value) override {
    spend(kValueBytes + kBlockBytes + std::ssize(value));
    return builder_.string(value);
  }
  bool binary(binary_t& value) override { return builder_.binary(value); }
  bool start_object(std::size_t size) override {
    enter();
    keys_.emplace_back();
    return builder_.start_object(size);
  }
  bool key(string_t& name) override {
    spend(kKeyBytes + 2 * std::ssize(name));
    if (!keys_.back().insert(name).second) {
      throw FormatError(concat("the key ", json_shown(name), " occurs twice"));
    }
    return builder_.key(name);
  }
  bool end_object() override {
    keys_.pop_back();
    --depth_;
    return builder_.end_object();
  }
  bool start_array(std::size_t size) override {
    enter();
    return builder_.start_array(size);
  }
  bool end_array() override {
    --depth_;
    return builder_.end_array();
  }
  bool parse_error(std::size_t position, const std::string& token,
                   const nlohmann::detail::exception&) override {
    std::string shown = token.substr(token.size() > 20 ? token.size() - 20 : 0);
    for (char& c : shown) {
      if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) c = '?';
    }
    throw FormatError(concat("not JSON at byte ", position, ", after '", shown, "'"));
  }

 private:
  void enter() {
    spend(kValueBytes + kBlockBytes);
    if (++depth_ > max_depth_) throw FormatError(concat("more than ", max_depth_, " levels deep"));
  }

  void spend(int64_t bytes) {
    spent_bytes_ += bytes;
    if (spent_bytes_ > kMaxJsonMemory) {
      throw FormatError(
          concat("expected values of at most ", kMaxJsonMemory >> 20, " MiB in memory, got more"));
    }
  }

  nlohmann::detail::json_sax_dom_parser<Json> builder_;
  std::vector<std::set<std::string>> keys_;
  int max_depth_;
  int depth_ = 0;
  int64_t spent_bytes_ = 0;
};

// What is another kind of file, or has a NUL, at which the parser would stop reading.
void check_text(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r\n\xef\xbb\xbf");
  const bool structured = begin != text.npos && (text[begin] == '{' || text[begin] == '[');
  const std::string what = structured ? "" : what_it_is(text);
  if (!what.empty()) throw FormatError("expected JSON, got " + what);
  const size_t nul = text.find('\0');
  if (nul != text.npos) throw FormatError(concat("not JSON: a NUL at byte ", nul + 1));
}

// A number that JSON cannot say, anywhere in `value`.
bool has_non_finite(const Json& value) {
  if (value.is_number_float()) return !std::isfinite(value.get<double>());
  if (!value.is_structured()) return false;
  for (const Json& part : value) {
    if (has_non_finite(part)) return true;
  }
  return false;
}

// JSON has no bytes that are not UTF-8, such as those of a path in Latin-1: they become "\\xe9".
Json with_utf8_text(const Json& value) {
  if (value.is_string()) {
    const auto& text = value.get_ref<const std::string&>();
    return is_utf8(text) ? value : Json(escaped(text));
  }
  if (!value.is_structured()) return value;
  Json result = value.is_array() ? Json::array() : Json::object();
  for (const auto& [key, part] : value.items()) {
    if (value.is_array()) {
      result.push_back(with_utf8_text(part));
    } else {
      result[is_utf8(key) ? key : escaped(key)] = with_utf8_text(part);
    }
  }
  return result;
}

std::string dump(const Json& value, int indent) {
  DDPM_CHECK(!has_non_finite(value), "json: every number must be finite");
  try {
    return value.dump(indent);
  } catch (const Json::type_error&) {  // text that is not UTF-8
    return with_utf8_text(value).dump(indent);
  }
}

}  // namespace

Json parse_json(std::string_view text, std::string_view who, int max_depth) {
  Json root;
  try {
    check_text(text);
    StrictBuilder builder(root, max_depth);
    Json::sax_parse(text.begin(), text.end(), &builder);
  } catch (const FormatError& error) {
    throw FormatError(concat(who, ": ", error.what()));
  } catch (const nlohmann::json::exception& error) {
    throw FormatError(concat(who, ": ", error.what()));
  }
  return root;
}

std::string json_text(const Json& value) { return dump(value, 2) + "\n"; }

std::string json_line(const Json& value) { return dump(value, -1); }

std::string json_shown(const Json& value) {
  constexpr size_t kMost = 100;
  const std::string text = value.dump(-1, ' ', true, Json::error_handler_t::replace);
  return text.size() <= kMost ? text : text.substr(0, kMost) + "..";
}

std::string name_shown(const std::string& name) {
  constexpr size_t kMost = 100;
  const bool plain =
      !name.empty() && name.size() <= kMost &&
      std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c <= '~'; });
  return plain ? name : json_shown(Json(name));
}

}  // namespace ddpm
