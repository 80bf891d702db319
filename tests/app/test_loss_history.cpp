// The losses of a run in flash: all of a short run, those of every 2nd, 4th.. step of a long one.

#include "store/loss_history.h"

#include <algorithm>
#include <array>
#include <bit>
#include <vector>

#include "app/fakes.h"
#include "base/bytes.h"
#include "check.h"

using namespace ugpt;
using store::LossHistory;
using store::LossRange;
using test::MemoryFlash;

namespace {

constexpr port::Region kRegion = port::Region::loss_history;
constexpr std::uint32_t kSector = port::Flash::kSectorBytes;
constexpr std::uint32_t kPerSector = kSector / sizeof(float);
constexpr std::uint32_t kRun = 7;

float loss_of(std::uint32_t step) {
    return 1.0f + static_cast<float>(step) / 65536.0f;
}

bool write_steps(LossHistory& history, std::uint32_t first, std::uint32_t last) {
    for (std::uint32_t step = first; step <= last;) {
        std::vector<float> losses;
        for (; step <= last && losses.size() < 50; ++step) losses.push_back(loss_of(step));
        const auto count = static_cast<std::uint32_t>(losses.size());
        if (!history.write(kRun, step - count, losses)) return false;
    }
    return true;
}

// The steps whose losses are kept up to `step`; empty if one has another loss than it had.
std::vector<std::uint32_t> kept_steps(LossHistory& history, std::uint32_t step,
                                      std::uint32_t last_step) {
    std::vector<std::uint32_t> steps;
    std::array<float, 100> values{};
    for (std::uint32_t first = 1;;) {
        const LossRange range = history.read(kRun, first, step, last_step, values);
        if (range.count == 0) return steps;
        for (std::uint32_t i = 0; i < range.count; ++i) {
            first = range.first + i * range.stride;
            if (values[i] != loss_of(first)) return {};
            steps.push_back(first++);
        }
    }
}

std::vector<std::uint32_t> every(std::uint32_t stride, std::uint32_t last) {
    std::vector<std::uint32_t> steps;
    for (std::uint32_t step = 1; step <= last; step += stride) steps.push_back(step);
    return steps;
}

}  // namespace

TEST(each_time_there_is_no_room_every_second_step_goes) {
    for (const std::uint32_t sectors : {4u, 5u, 8u, 32u}) {
        MemoryFlash flash(sectors * kSector);
        LossHistory history(flash);
        CHECK(history.begin(kRun));
        const std::uint32_t room = (sectors - 2) / 2 * 2 * kPerSector;
        std::uint32_t written = 0;
        for (std::uint32_t stride = 1; stride <= 16; stride *= 2) {
            for (const std::uint32_t last : {room * stride - 1, room * stride}) {
                CHECK(write_steps(history, written + 1, last));
                written = last;
                CHECK(kept_steps(history, last, UINT32_MAX) == every(stride, last));
            }
            LossHistory restarted(flash);
            CHECK(kept_steps(restarted, written, UINT32_MAX) == every(stride, written));
        }
    }
}

TEST(the_last_step_is_kept_whatever_the_stride) {
    MemoryFlash flash(4 * kSector);
    LossHistory history(flash);
    constexpr std::uint32_t kSteps = 5000;
    CHECK(write_steps(history, 1, kSteps));
    CHECK(history.write_last(kRun, loss_of(kSteps)));
    auto expected = every(4, kSteps);
    expected.push_back(kSteps);
    CHECK(kept_steps(history, kSteps, kSteps) == expected);
    expected.pop_back();
    CHECK(kept_steps(history, kSteps - 1, kSteps) == expected);
}

TEST(a_run_that_was_watched_first_is_kept_from_where_it_was_left_alone) {
    MemoryFlash flash(4 * kSector);
    LossHistory history(flash);
    CHECK(write_steps(history, 9001, 9500));
    auto expected = every(8, 9500);
    std::erase_if(expected, [](std::uint32_t step) { return step < 9001; });
    CHECK(kept_steps(history, 9500, UINT32_MAX) == expected);
}

TEST(steps_that_are_run_again_change_nothing) {
    MemoryFlash flash(4 * kSector);
    LossHistory history(flash);
    CHECK(write_steps(history, 1, 2100));
    LossHistory restarted(flash);
    CHECK(write_steps(restarted, 1900, 3000));
    CHECK(kept_steps(restarted, 3000, UINT32_MAX) == every(2, 3000));
}

// The power is cut wherever a byte is written or a sector erased, while checkpoints are at every
// kEvery steps. What is older than the last one is all there, and the run ends as if nothing were.
TEST(a_power_cut_at_any_byte_costs_no_step_before_the_checkpoint) {
    constexpr std::uint32_t kSteps = 4600;  // with 2,048 places: the stride doubles twice
    constexpr std::uint32_t kEvery = 230;
    MemoryFlash undisturbed(4 * kSector);
    LossHistory history(undisturbed);
    CHECK(write_steps(history, 1, kSteps));
    const std::uint64_t total = undisturbed.written;
    const auto expected = kept_steps(history, kSteps, UINT32_MAX);
    CHECK(expected == every(4, kSteps));
    for (std::uint64_t cut = 1; cut < total; cut += 61) {
        MemoryFlash flash(4 * kSector);
        flash.budget = cut;
        std::uint32_t checkpoint = 0;
        try {
            LossHistory first_life(flash);
            for (; checkpoint < kSteps; checkpoint += kEvery)
                CHECK(write_steps(first_life, checkpoint + 1, checkpoint + kEvery));
        } catch (const test::PowerCut&) {
        }
        flash.budget = UINT64_MAX;
        LossHistory second_life(flash);
        const auto kept = kept_steps(second_life, checkpoint, UINT32_MAX);
        const bool whole = kept == every(1, checkpoint) || kept == every(2, checkpoint) ||
                           kept == every(4, checkpoint);
        const bool goes_on = write_steps(second_life, checkpoint + 1, kSteps);
        if (!CHECK(whole && goes_on && kept_steps(second_life, kSteps, UINT32_MAX) == expected)) {
            std::printf("    cut after %llu\n", static_cast<unsigned long long>(cut));
            return;
        }
    }
}

// And again while what the first cut has left undone is being done.
TEST(a_second_power_cut_costs_no_more) {
    constexpr std::uint32_t kBefore = 2048;
    MemoryFlash full(4 * kSector);
    {
        LossHistory history(full);
        CHECK(write_steps(history, 1, kBefore));
    }
    const std::array<float, 1> next{loss_of(kBefore + 1)};
    for (std::uint64_t first_cut = 1; first_cut < 4200; first_cut += 173) {
        for (std::uint64_t second_cut = 1; second_cut < 4200; second_cut += 311) {
            MemoryFlash flash(full);
            for (const std::uint64_t cut : {first_cut, second_cut}) {
                flash.budget = cut;
                try {
                    LossHistory(flash).write(kRun, kBefore + 1, next);
                } catch (const test::PowerCut&) {
                }
            }
            flash.budget = UINT64_MAX;
            LossHistory history(flash);
            CHECK(history.write(kRun, kBefore + 1, next));
            CHECK(kept_steps(history, kBefore + 1, UINT32_MAX) == every(2, kBefore + 1));
        }
    }
}

TEST(all_losses_of_0_1_0_are_read) {
    MemoryFlash flash(32 * kSector);
    constexpr std::uint32_t kAll = 31 * kPerSector;
    std::array<std::byte, 8> header;
    base::ByteWriter writer(header);
    writer.u32(0x31564375);
    writer.u32(kRun);
    CHECK(flash.write(kRegion, 0, header));
    for (std::uint32_t step = 1; step <= kAll; ++step) {
        const std::array<float, 1> loss{loss_of(step)};
        CHECK(flash.write(kRegion, kSector + (step - 1) * 4, std::as_bytes(std::span(loss))));
    }
    LossHistory history(flash);
    CHECK(kept_steps(history, 40'000, UINT32_MAX) == every(1, kAll));
    // 0.1.0 has dropped what came then; from here on there is room again.
    CHECK(write_steps(history, 40'001, 40'500));
    const auto kept = kept_steps(history, 40'500, UINT32_MAX);
    CHECK(!kept.empty() && kept.front() == 1 && kept.back() == 40'499);
    CHECK(std::ranges::count_if(kept, [](auto step) { return step <= 30 * kPerSector; }) ==
          15 * kPerSector);
}

TEST(a_history_that_cannot_be_written_says_so) {
    MemoryFlash flash(4 * kSector);
    LossHistory history(flash);
    CHECK(write_steps(history, 1, 2048));
    flash.failing = true;
    CHECK(!write_steps(history, 2049, 2049));
    flash.failing = false;
    CHECK(write_steps(history, 2049, 2100));
    CHECK(kept_steps(history, 2100, UINT32_MAX) == every(2, 2100));
}

TEST(the_losses_of_another_run_are_not_shown) {
    MemoryFlash flash(4 * kSector);
    LossHistory history(flash);
    std::array<float, 8> out{};
    const std::array<float, 3> losses{3.0f, 2.0f, 1.0f};
    CHECK(history.begin(1));
    CHECK(history.write(1, 1, losses));
    CHECK(history.read(1, 2, 3, 9, out).count == 2 && out[0] == 2.0f);
    CHECK(history.read(2, 1, 3, 9, out).count == 0);
    CHECK(history.begin(1));  // the same run again keeps it
    CHECK(history.read(1, 1, 3, 9, out).count == 3);
    CHECK(history.begin(2));
    CHECK(history.read(1, 1, 3, 9, out).count == 0);
    CHECK(history.read(2, 1, 3, 9, out).count == 0);
}

TEST(a_read_that_fails_while_losses_are_merged_loses_none) {
    constexpr std::uint32_t kSteps = 2 * kPerSector;
    for (std::uint64_t reads = 0, failed = 1; failed != 0; reads += 7) {
        MemoryFlash flash(4 * kSector);
        LossHistory history(flash);
        CHECK(write_steps(history, 1, kSteps));
        flash.reads_until_failure = reads;
        const bool written = write_steps(history, kSteps + 1, kSteps + 1);
        failed = flash.reads_until_failure > reads ? 1 : 0;
        flash.reads_until_failure = UINT64_MAX;
        CHECK(written == (failed == 0));
        CHECK(write_steps(history, kSteps + 1, kSteps + 1));
        CHECK(kept_steps(history, kSteps + 1, UINT32_MAX) == every(2, kSteps + 1));
    }
}

TEST(another_run_begins_without_the_strides_of_the_one_before) {
    MemoryFlash flash(4 * kSector);
    LossHistory history(flash);
    CHECK(write_steps(history, 1, 5000));
    CHECK(history.begin(kRun + 1) && history.begin(kRun));
    CHECK(write_steps(history, 1, 3000));
    CHECK(kept_steps(history, 3000, UINT32_MAX) == every(2, 3000));
    LossHistory restarted(flash);
    CHECK(kept_steps(restarted, 3000, UINT32_MAX) == every(2, 3000));
}
