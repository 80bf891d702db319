#include "app/document_queue.h"

namespace ugpt::app {

std::size_t DocumentQueue::room_for(std::size_t tokens) const {
    const std::uint32_t used =
        tail_.load(std::memory_order_relaxed) - head_.load(std::memory_order_acquire);
    return (kCapacity - used) / (kHeaderWords + tokens);
}

bool DocumentQueue::push(Key key, std::span<const engine::Token> tokens) {
    if (room_for(tokens.size()) == 0) return false;
    std::uint32_t tail = tail_.load(std::memory_order_relaxed);
    put(tail++, key.index);
    put(tail++, static_cast<std::uint32_t>(key.generation) << 16 |
                    static_cast<std::uint16_t>(tokens.size()));
    for (const engine::Token token : tokens) put(tail++, token);
    tail_.store(tail, std::memory_order_release);
    return true;
}

bool DocumentQueue::take(Key key, std::span<engine::Token> out, std::size_t& length) {
    std::uint32_t head = head_.load(std::memory_order_relaxed);
    while (head != tail_.load(std::memory_order_acquire)) {
        const std::uint32_t index = word(head);
        const std::uint32_t generation = word(head + 1) >> 16;
        const std::size_t size = word(head + 1) & 0xFFFFu;
        const bool wanted = generation == key.generation && index == key.index;
        if (generation == key.generation && index > key.index) return false;
        head += kHeaderWords;
        if (wanted) {
            length = size < out.size() ? size : out.size();
            for (std::size_t i = 0; i < length; ++i)
                out[i] = static_cast<engine::Token>(word(head + static_cast<std::uint32_t>(i)));
        }
        head += static_cast<std::uint32_t>(size);
        head_.store(head, std::memory_order_release);
        if (wanted) return true;
    }
    return false;
}

}  // namespace ugpt::app
