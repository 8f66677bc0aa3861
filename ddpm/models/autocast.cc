#include "ddpm/models/autocast.h"

#include <ATen/autocast_mode.h>

namespace ddpm {

AutocastBFloat16::AutocastBFloat16(at::DeviceType device)
    : device_(device),
      enabled_before_(at::autocast::is_autocast_enabled(device)),
      type_before_(at::autocast::get_autocast_dtype(device)) {
  at::autocast::set_autocast_enabled(device, true);
  at::autocast::set_autocast_dtype(device, at::kBFloat16);
  at::autocast::increment_nesting();
}

AutocastBFloat16::~AutocastBFloat16() {
  // weights that were converted for this pass are dropped with the outermost guard
  if (at::autocast::decrement_nesting() == 0) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(device_, enabled_before_);
  at::autocast::set_autocast_dtype(device_, type_before_);
}

}  // namespace ddpm
