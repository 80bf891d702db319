// The version the firmware gives of itself.
#pragma once

#include <string_view>

namespace ugpt::app {

#ifndef UGPT_VERSION
#error "the build defines UGPT_VERSION from pyproject.toml"
#endif

inline constexpr std::string_view kBuild = UGPT_VERSION;

}  // namespace ugpt::app
