// SHA-256 (FIPS 180-4), as 64 lower-case hexadecimal digits.

#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace ddpm {

class InputFile;

// Takes bytes piece by piece.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  Sha256& operator=(Sha256&&) noexcept;

  void add(std::span<const std::byte> bytes);
  std::string hex();  // of all bytes added; may be called once

 private:
  struct Context;
  std::unique_ptr<Context> context_;
};

std::string sha256_hex(std::span<const std::byte> bytes);
// Of a file of any size in 1 MiB of memory. Throws IoError, also if the file is changed meanwhile.
std::string sha256_of_file(const std::filesystem::path& path);
std::string sha256_of_file(const InputFile& file);

}  // namespace ddpm
