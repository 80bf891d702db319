// Work shared by two threads: every part is done once, and a text has the same bits. This program
// is also built with the thread sanitizer (test_team.py).
#include <array>
#include <atomic>
#include <cmath>
#include <cstring>
#include <memory>
#include <vector>

#include "check.h"
#include "engine/engine.h"
#include "engine/threads.h"

using namespace ugpt;
namespace infer = ugpt::engine::infer;

namespace {

// A model of small numbers that follow one from another.
class SmallModel {
  public:
    SmallModel() {
        for (std::uint32_t i = 0; i < shape_.tensor_count(); ++i) {
            const infer::TensorSpec spec = spec_of(shape_, i);
            const auto format = spec.is_norm ? infer::Format::vector : infer::Format::f32;
            auto& values = values_.emplace_back(spec.size_bytes(format) / sizeof(float));
            for (float& value : values) {
                state_ = state_ * 1664525u + 1013904223u;
                value = spec.is_norm ? 1.0f : static_cast<float>(state_ >> 8) * 0x1p-25f - 0.25f;
            }
            tensors_.push_back({format, false, spec.rows, spec.cols,
                                reinterpret_cast<const std::byte*>(values.data())});
        }
    }

    // Every logit of a text.
    std::vector<float> write(engine::Team* team) const {
        std::vector<std::byte> memory(1 << 20);
        const std::span<std::byte> block(memory);
        engine::Arena arena(std::span(&block, 1));
        infer::LanguageModel model;
        std::vector<float> all;
        if (!CHECK(model.create({shape_, 1e-5f, steps_, tensors_}, shape_.context, arena, team)))
            return all;
        for (std::uint32_t position = 0; position < shape_.context; ++position) {
            const auto logits = model.forward(static_cast<engine::Token>(position % 7), position);
            all.insert(all.end(), logits.begin(), logits.end());
        }
        return all;
    }

  private:
    infer::Shape shape_{2, 24, 4, 2, 36, 50, 20, true};
    std::array<std::uint64_t, 3> steps_{1ull << 61, 1ull << 58, 1ull << 50};
    std::uint32_t state_ = 1;
    std::vector<std::vector<float>> values_;
    std::vector<infer::Tensor> tensors_;
};

bool same_bits(const std::vector<float>& a, const std::vector<float>& b) {
    return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

// The helper that is never there in time: it comes when everybody else has gone.
class AbsentHelper : public engine::Helper {
  public:
    std::uint32_t count() const override { return 1; }
    void employ(void (*work)(void*, std::uint32_t), void* context) override {
        work_ = work;
        context_ = context;
    }
    void wake(std::uint32_t count) override { calls_ += count; }
    // A team that has shared nothing waits for it at its end alone.
    void relax() override {
        for (; calls_ > 0; --calls_) work_(context_, 1);
    }
    std::uint32_t calls() const { return calls_; }

  private:
    void (*work_)(void*, std::uint32_t) = nullptr;
    void* context_ = nullptr;
    std::uint32_t calls_ = 0;
};

}  // namespace

TEST(every_part_is_done_once) {
    Threads threads(2);
    engine::Team& team = threads.team;
    std::array<std::atomic<int>, 40> done{};
    std::array<int, 40> plain{};  // what one core wrote, the other reads
    int wrong = 0;
    team.begin();
    for (std::uint32_t round = 1; round <= 500; ++round) {
        const std::uint32_t parts = round % 41;
        team.share(parts, [&](std::uint32_t part, std::uint32_t) {
            ++done[part];
            ++plain[part];
        });
        for (std::uint32_t part = 0; part < parts; ++part) wrong += plain[part] != done[part];
    }
    team.end();
    CHECK(wrong == 0);
    for (std::uint32_t part = 0; part < done.size(); ++part) {
        int wanted = 0;
        for (std::uint32_t round = 1; round <= 500; ++round) wanted += part < round % 41;
        CHECK(done[part] == wanted);
    }
}

TEST(one_core_does_everything_in_order) {
    engine::Team team;
    std::vector<std::uint32_t> order;
    team.begin();
    team.share(5, [&](std::uint32_t part, std::uint32_t) { order.push_back(part); });
    team.end();
    CHECK(!team.divides());
    CHECK((order == std::vector<std::uint32_t>{0, 1, 2, 3, 4}));
}

TEST(a_helper_that_comes_too_late_holds_nobody_up) {
    AbsentHelper helper;
    engine::Team team(&helper);
    int done = 0;
    for (int token = 0; token < 3; ++token) {
        team.begin();
        team.share(9, [&](std::uint32_t, std::uint32_t core) { done += core == 0; });
        team.end();
    }
    CHECK(done == 27);
    CHECK(helper.calls() == 1);  // whoever has not come yet is not called again
}

TEST(two_cores_write_the_same_text) {
    const SmallModel model;
    const std::vector<float> alone = model.write(nullptr);
    for (const float logit : alone)
        if (!CHECK(std::isfinite(logit))) return;
    Threads threads(2);
    engine::Team& team = threads.team;
    for (int text = 0; text < 20; ++text) CHECK(same_bits(model.write(&team), alone));
}

TEST(a_helper_ends_without_having_worked) {
    const auto thread = std::make_unique<port::posix::ThreadHelper>(1);
    CHECK(thread != nullptr);
}
