// The rings and the snapshot between the two tasks, alone and with both tasks at work.

#include <array>
#include <thread>
#include <vector>

#include "app/document_queue.h"
#include "app/loss_buffer.h"
#include "base/snapshot.h"
#include "base/spsc_queue.h"
#include "check.h"

using namespace ugpt;
using app::DocumentQueue;

namespace {

// A ring with memory of its own.
template <typename Ring>
class WithMemory : private std::array<base::Word, Ring::kCapacity>, public Ring {
  public:
    WithMemory() : Ring(static_cast<std::array<base::Word, Ring::kCapacity>&>(*this)) {}
};

}  // namespace

TEST(queue_is_first_in_first_out_and_bounded) {
    base::SpscQueue<int, 4> queue;
    for (int i = 0; i < 4; ++i) CHECK(queue.push(i));
    CHECK(!queue.push(4));
    for (int i = 0; i < 4; ++i) CHECK(queue.pop() == i);
    CHECK(!queue.pop());
}

TEST(documents_come_out_by_index_and_generation) {
    WithMemory<DocumentQueue> ring;
    const std::array<engine::Token, 3> first{1, 2, 3};
    const std::array<engine::Token, 2> second{4, 5};
    CHECK(ring.push({7, 1}, first));
    CHECK(ring.push({8, 1}, second));
    std::array<engine::Token, 8> out{};
    std::size_t length = 0;
    CHECK(!ring.take({6, 1}, out, length));  // not here, and what is here comes later
    CHECK(ring.take({7, 1}, out, length));
    CHECK(length == 3 && out[0] == 1 && out[2] == 3);
    CHECK(!ring.take({8, 2}, out, length));  // of an earlier generation: dropped
    CHECK(!ring.take({8, 1}, out, length));
    CHECK(ring.push({0, 2}, second));
    CHECK(ring.take({0, 2}, out, length));
    CHECK(length == 2 && out[1] == 5);
}

TEST(documents_of_an_earlier_generation_are_passed_over_whatever_their_index) {
    WithMemory<DocumentQueue> ring;
    const std::array<engine::Token, 1> old{1}, wanted{2};
    CHECK(ring.push({9, 1}, old) && ring.push({0, 2}, wanted));
    std::array<engine::Token, 4> out{};
    std::size_t length = 0;
    CHECK(ring.take({0, 2}, out, length) && length == 1 && out[0] == 2);
}

TEST(documents_are_refused_when_there_is_no_room) {
    WithMemory<DocumentQueue> ring;
    const std::array<engine::Token, 16> document{};
    const std::size_t room = ring.room_for(document.size());
    for (std::uint32_t i = 0; i < room; ++i) CHECK(ring.push({i, 0}, document));
    CHECK(ring.room_for(document.size()) == 0);
    CHECK(!ring.push({static_cast<std::uint32_t>(room), 0}, document));
    std::array<engine::Token, 16> out{};
    std::size_t length = 0;
    CHECK(ring.take({0, 0}, out, length));
    CHECK(ring.room_for(document.size()) == 1);
}

TEST(documents_pass_between_two_tasks) {
    WithMemory<DocumentQueue> ring;
    constexpr std::uint32_t kCount = 20000;
    std::thread producer([&] {
        for (std::uint32_t i = 0; i < kCount;) {
            const std::vector<engine::Token> document(i % 17, static_cast<engine::Token>(i));
            if (ring.push({i, 3}, document))
                ++i;
            else
                std::this_thread::yield();
        }
    });
    bool right = true;
    for (std::uint32_t i = 0; i < kCount;) {
        std::array<engine::Token, 16> out{};
        std::size_t length = 0;
        if (!ring.take({i, 3}, out, length)) {
            std::this_thread::yield();
            continue;
        }
        right = right && length == i % 17 &&
                (length == 0 || out[length - 1] == static_cast<engine::Token>(i));
        ++i;
    }
    producer.join();
    CHECK(right);
}

TEST(losses_are_held_by_step) {
    WithMemory<app::LossBuffer> ring;
    std::array<float, 8> out{};
    std::uint32_t from = 1;
    CHECK(ring.read(from, out) == 0);
    ring.restart(10);
    for (int i = 1; i <= 3; ++i) ring.push(static_cast<float>(i));
    from = 1;
    CHECK(ring.read(from, out) == 3);
    CHECK(from == 11 && out[0] == 1.0f && out[2] == 3.0f);
    from = 13;
    CHECK(ring.read(from, out) == 1);
    CHECK(from == 13 && out[0] == 3.0f);
    from = 14;
    CHECK(ring.read(from, out) == 0);
}

TEST(the_oldest_losses_go_first) {
    WithMemory<app::LossBuffer> ring;
    constexpr std::uint32_t kSteps = 3 * app::LossBuffer::kCapacity + 5;
    for (std::uint32_t step = 1; step <= kSteps; ++step) ring.push(static_cast<float>(step));
    std::array<float, 4> out{};
    std::uint32_t from = 1;
    CHECK(ring.read(from, out) == 4);
    CHECK(from == ring.first() && kSteps - from < app::LossBuffer::kCapacity);
    CHECK(from == kSteps - app::LossBuffer::kCapacity + 2);  // the next push may be writing one
    CHECK(out[0] == static_cast<float>(from));
}

TEST(losses_are_read_whole_while_they_are_written) {
    WithMemory<app::LossBuffer> ring;
    constexpr std::uint32_t kSteps = 200000;
    std::thread trainer([&] {
        for (std::uint32_t step = 1; step <= kSteps; ++step) ring.push(static_cast<float>(step));
    });
    bool right = true;
    std::array<float, 64> out{};
    while (ring.last() < kSteps) {
        std::uint32_t from = ring.first();
        const std::size_t count = ring.read(from, out);
        for (std::size_t i = 0; i < count; ++i)
            right = right && out[i] == static_cast<float>(from + i);
    }
    trainer.join();
    CHECK(right);
}

TEST(a_snapshot_is_never_torn) {
    struct Pair {
        std::uint32_t a;
        std::uint32_t b;
    };
    base::Snapshot<Pair> snapshot;
    snapshot.publish({0, 0});
    constexpr std::uint32_t kCount = 200000;
    std::thread writer([&] {
        for (std::uint32_t i = 1; i <= kCount; ++i) snapshot.publish({i, i});
    });
    bool right = true;
    for (Pair pair{}; pair.a != kCount; pair = snapshot.read()) right = right && pair.a == pair.b;
    writer.join();
    CHECK(right);
}
