// Memory that is read and written in whole 32-bit words only.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

namespace ugpt::base {

// Part of a chip's memory faults on anything but a whole word. The queues between the tasks keep to
// whole words, so they can lie there and leave the rest to the tensors.
using Word = std::atomic<std::uint32_t>;

template <std::size_t kCount>
using Words = std::span<Word, kCount>;

}  // namespace ugpt::base
