// The self-test with sets of kernels of which one computes something else.
#include <cstddef>

#include "check.h"
#include "engine/numeric/self_test_lanes.h"
#include "engine/train.h"
#include "engine/train/kernels.h"

using namespace ugpt::engine;

namespace {

void right(const SelfTestInputs& inputs, OperationDigests& digests) {
    self_test_lanes<ScalarLanes>(inputs, digests);
}

void wrong(const SelfTestInputs& inputs, OperationDigests& digests) {
    right(inputs, digests);
    ++digests[static_cast<std::size_t>(Operation::fma)];
}

Kernels with(void (*self_test)(const SelfTestInputs&, OperationDigests&)) {
    Kernels kernels{};
    kernels.name = "of a test";
    kernels.lanes = 1;
    kernels.self_test = self_test;
    return kernels;
}

const Kernels kRight = with(right);
const Kernels kWrong = with(wrong);
}  // namespace

TEST(a_fault_in_any_set_of_kernels_is_found) {
    for (std::size_t count = 1; count <= KernelList::kMost; ++count) {
        for (std::size_t broken = 0; broken < count; ++broken) {
            KernelList list;
            for (std::size_t i = 0; i < count; ++i) {
                list.sets[i] = i == broken ? &kWrong : &kRight;
            }
            const SelfTest test = test_kernels(list);
            CHECK(!test.passed());
            CHECK(test.digest != test.expected);
            for (std::size_t i = 0; i < kOperationCount; ++i) {
                const auto operation = static_cast<Operation>(i);
                CHECK(test.failed_at(operation) == (operation == Operation::fma));
            }
        }
    }
}

TEST(right_kernels_pass) {
    for (std::size_t count = 1; count <= KernelList::kMost; ++count) {
        KernelList list;
        for (std::size_t i = 0; i < count; ++i) {
            list.sets[i] = &kRight;
        }
        const SelfTest test = test_kernels(list);
        CHECK(test.passed());
        CHECK(test.digest == test.expected);
    }
}

TEST(every_set_of_this_processor_is_tested) {
    CHECK(run_self_test().passed());
    CHECK(run_self_test().digest == test_kernels(available_kernels()).digest);
}
