// Whether text is UTF-8; escaped() of text.h shows what is not.

#pragma once

#include <string_view>

namespace ddpm {

bool is_utf8(std::string_view text);  // RFC 3629: no surrogates, no overlong forms

}  // namespace ddpm
