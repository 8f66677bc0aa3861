#include "ddpm/base/sha256.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "ddpm/base/check.h"
#include "ddpm/base/file.h"

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
  return sha256_of_file(MappedFile(path));
}

std::string sha256_of_file(const MappedFile& file) {
  constexpr size_t kPart = size_t{1} << 24;
  Sha256 sum;
  for (auto left = file.bytes(); !left.empty();) {
    const auto part = left.first(std::min(kPart, left.size()));
    sum.add(part);
    MappedFile::release(part);
    left = left.subspan(part.size());
  }
  return sum.hex();
}

}  // namespace ddpm
