#include "ddpm/config/choices.h"

#include "ddpm/base/check.h"

namespace ddpm {

bool has_error(LossKind kind) {
  switch (kind) {
    case LossKind::kSimple:
    case LossKind::kHybrid:
      return true;
    case LossKind::kBound:
      return false;
  }
  DDPM_ASSERT(false);
}

bool has_bound(LossKind kind) {
  switch (kind) {
    case LossKind::kBound:
    case LossKind::kHybrid:
      return true;
    case LossKind::kSimple:
      return false;
  }
  DDPM_ASSERT(false);
}

}  // namespace ddpm
