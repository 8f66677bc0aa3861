// The fields of a scheduler_config.json, read with the checks that a file needs.

#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "ddpm/base/json.h"
#include "ddpm/diffusers/model_config.h"

namespace ddpm {

inline constexpr const char* kMinusInfinity = "-Infinity";  // in place of the number

// Words of this library and of diffusers.
struct SchedulerWord {
  std::string ours;
  const char* theirs;
};

// The class that the file names. Throws FormatError that starts with `who` for any other.
SchedulerClass scheduler_class_of(const Json& json, const std::string& who);

// All fields of a class with diffusers' defaults.
const Json& scheduler_defaults(SchedulerClass scheduler);

// Each fails with a FormatError "who: key: expected .., got ..".
class SchedulerFields {
 public:
  // Throws FormatError for an unknown class or key.
  SchedulerFields(const Json& json, std::string who);

  SchedulerClass scheduler() const { return scheduler_; }
  bool has(const std::string& key) const { return fields_.contains(key); }
  // The keys of the file that only other classes have.
  const std::vector<std::string>& passed_over() const { return passed_over_; }
  // The keys of the class that the file lacks.
  const std::vector<std::string>& defaulted() const { return defaulted_; }
  const Json& json() const { return fields_; }  // of the class alone

  double number(const std::string& key) const;
  double positive(const std::string& key) const;
  int64_t integer(const std::string& key) const;
  bool boolean(const std::string& key) const;
  // None for null; otherwise `count` numbers in [0, 1].
  std::vector<double> betas(const std::string& key, int64_t count) const;
  // One of diffusers' words, as ours.
  std::string word(const std::string& key, const std::vector<SchedulerWord>& words) const;
  // variance_type, of this class or passed over; fixed_small where there is none.
  Variance variance() const;

  [[noreturn]] void fail(const std::string& key, const std::string& wanted) const;
  [[noreturn]] void fail(const std::string& key, const std::string& wanted,
                         const std::string& got) const;

 private:
  const Json& value(const std::string& key) const;

  std::string who_;
  SchedulerClass scheduler_;
  Json fields_;
  Json others_ = Json::object();  // what is passed over
  std::vector<std::string> passed_over_;
  std::vector<std::string> defaulted_;
};

}  // namespace ddpm
