// Training on several threads: the same bits as on one, whatever delays them. This program is also
// built with the thread sanitizer (tests/app/test_team.py).
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <thread>
#include <vector>

#include "check.h"
#include "engine/train.h"
#include "engine/train/kernels.h"
#include "threads.h"

using namespace ugpt;
using namespace ugpt::engine;

namespace {

// Each thread draws its own delays: none, a turn of the scheduler, or up to 50 us.
std::atomic<std::uint32_t> delay_seed{0};
std::atomic<std::uint32_t> next_thread{0};
std::atomic<std::uint64_t> hand_overs{0};

struct Case {
    Shape shape;
    Recipe recipe;
    std::uint32_t steps;
};

Recipe with(MomentFormat moments, bool recompute, std::uint32_t batch, float clip_norm) {
    Recipe recipe;
    recipe.moments = moments;
    recipe.activation_checkpointing = recompute;
    recipe.batch = batch;
    recipe.clip_norm = clip_norm;
    return recipe;
}

// Whole pieces and cut ones, one head and several, contexts of one block of queries and of more.
const std::array kCases{
    Case{{1, 16, 4, 16, 27}, {}, 20},
    Case{{2, 20, 4, 10, 27}, {}, 8},
    Case{{2, 15, 3, 10, 27}, with(MomentFormat::bf16, true, 1, 0.0f), 8},
    Case{{2, 20, 4, 10, 27}, with(MomentFormat::q8, false, 3, 1.0f), 4},
    Case{{1, 64, 4, 16, 27}, with(MomentFormat::q8, true, 1, 0.0f), 4},
    Case{{1, 24, 1, 40, 33}, {}, 4},
    Case{{1, 32, 2, 64, 27}, with(MomentFormat::f32, false, 2, 0.5f), 3},
    Case{{1, 5, 1, 3, 7}, {}, 8},
    Case{{1, 1, 1, 1, 2}, {}, 8},
};

std::uint64_t digest_of(Model& model, const std::vector<float>& losses) {
    std::uint64_t digest = 14695981039346656037ull;
    const auto add = [&digest](std::span<const float> values) {
        for (const float value : values) {
            std::uint32_t bits;
            std::memcpy(&bits, &value, sizeof(bits));
            digest = (digest ^ bits) * 1099511628211ull;
        }
    };
    add(losses);
    for (std::size_t i = 0; i < model.parameter_count(); ++i) {
        const Parameter parameter = model.parameter(i);
        std::vector<float> values(parameter.size());
        for (const TensorKind kind :
             {TensorKind::weights, TensorKind::first_moment, TensorKind::second_moment}) {
            model.read(parameter, kind, 0, values);
            add(values);
        }
    }
    return digest;
}

// Trains documents of all lengths; the norm of the gradient is asked for in every third step.
std::uint64_t train(const Case& it, const Kernels* kernels, Team* team) {
    std::vector<std::byte> memory(8 << 20);
    const std::span<std::byte> block(memory);
    Arena arena(std::span(&block, 1));
    Model model;
    if (!CHECK(model.create(it.shape, it.recipe, arena, team))) return 0;
    if (kernels != nullptr && !model.use_kernels(*kernels)) return 0;
    model.init_weights(42, 0.08f);
    std::vector<float> losses;
    std::vector<Token> text(it.shape.block_size);
    for (std::uint32_t i = 0; i < it.steps * it.recipe.batch; ++i) {
        for (std::size_t t = 0; t < text.size(); ++t)
            text[t] = static_cast<Token>((7 * i + 3 * t + t * t) % it.shape.bos());
        const std::size_t length = (5 * i + it.shape.block_size) % (it.shape.block_size + 1);
        const auto document = std::span<const Token>(text).first(length);
        if ((i + 1) % it.recipe.batch != 0) {
            model.accumulate(document);
            continue;
        }
        losses.push_back(model.train_step(document, {.gradient_norm = i % 3 == 2}));
        if (const auto norm = model.gradient_norm()) losses.push_back(*norm);
    }
    losses.push_back(model.evaluate(text));
    return digest_of(model, losses);
}

void check_all(std::span<const std::uint32_t> thread_counts) {
    for (const Case& it : kCases) {
        const KernelList list = available_kernels();
        for (std::size_t i = 0; list.sets[i] != nullptr; ++i) {
            const std::uint64_t alone = train(it, list.sets[i], nullptr);
            for (const std::uint32_t count : thread_counts) {
                Threads threads(count);
                CHECK(train(it, list.sets[i], &threads.team) == alone);
            }
        }
    }
}

}  // namespace

extern "C" void ugpt_delay_core() {
    const std::uint32_t seed = delay_seed.load(std::memory_order_relaxed);
    if (seed == 0) return;
    hand_overs.fetch_add(1, std::memory_order_relaxed);
    thread_local std::uint32_t state = seed * 2654435761u + next_thread.fetch_add(1);
    state = state * 1664525u + 1013904223u;
    const std::uint32_t choice = state >> 24;
    if (choice < 128) return;
    if (choice < 224) return std::this_thread::yield();
    const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds(choice - 206);
    while (std::chrono::steady_clock::now() < end) {
    }
}

TEST(threads_train_the_same_bits) {
    check_all(std::array<std::uint32_t, 4>{1, 2, 3, 5});
}

TEST(delays_at_every_hand_over_change_no_bit) {
    for (const std::uint32_t seed : {1u, 2u, 3u}) {
        delay_seed = seed;
        check_all(std::array<std::uint32_t, 2>{2, 3});
    }
    CHECK(hand_overs > 1000);
    delay_seed = 0;
}

TEST(a_team_goes_from_one_model_to_the_next) {
    Threads threads(2);
    for (int round = 0; round < 3; ++round) {
        for (const Case& it : kCases) {
            CHECK(train(it, nullptr, &threads.team) == train(it, nullptr, nullptr));
        }
    }
}

TEST(memory_of_more_cores_changes_no_bit) {
    Team team(nullptr, 4);
    CHECK(team.cores() == 4);
    for (const Case& it : kCases) {
        CHECK(train(it, nullptr, &team) == train(it, nullptr, nullptr));
    }
}
