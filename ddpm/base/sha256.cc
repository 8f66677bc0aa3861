#include "ddpm/base/sha256.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <vector>

#include "ddpm/base/check.h"
#include "ddpm/base/input_file.h"

namespace ddpm {

struct Sha256::Context {
  EVP_MD_CTX* digest = EVP_MD_CTX_new();
  ~Context() { EVP_MD_CTX_free(digest); }
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {
  DDPM_ASSERT(EVP_DigestInit_ex(context_->digest, EVP_sha256(), nullptr) == 1);
}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::add(std::span<const std::byte> bytes) {
  DDPM_ASSERT(EVP_DigestUpdate(context_->digest, bytes.data(), bytes.size()) == 1);
}

std::string Sha256::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  DDPM_ASSERT(EVP_DigestFinal_ex(context_->digest, digest.data(), &size) == 1);
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (unsigned int i = 0; i < size; ++i) {
    text += kDigits[digest[i] >> 4];
    text += kDigits[digest[i] & 15];
  }
  return text;
}

std::string sha256_hex(std::span<const std::byte> bytes) {
  Sha256 sum;
  sum.add(bytes);
  return sum.hex();
}

std::string sha256_of_file(const std::filesystem::path& path) {
  return sha256_of_file(InputFile(path));
}

std::string sha256_of_file(const InputFile& file) {
  constexpr int64_t kPart = int64_t{1} << 20;
  Sha256 sum;
  std::vector<std::byte> buffer(static_cast<size_t>(std::min(kPart, file.size())));
  for (int64_t at = 0; at < file.size(); at += kPart) {
    const auto part =
        std::span(buffer).first(static_cast<size_t>(std::min(kPart, file.size() - at)));
    file.read_at(at, part);
    sum.add(part);
  }
  file.check_unchanged();
  return sum.hex();
}

}  // namespace ddpm
