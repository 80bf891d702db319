// A pretrained model in flash outlives every power cut, and takes no more memory than there is.

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "app/fakes.h"
#include "app/images.h"
#include "app/writer.h"
#include "check.h"
#include "store/model_store.h"

using namespace ugpt;
using store::ImageFault;
using store::ModelStore;
using store::Result;
using test::MemoryFlash;

namespace {

constexpr std::uint32_t kRegionBytes = 5 * port::Flash::kSectorBytes;
constexpr std::size_t kPieceBytes = 1000;

bool push(MemoryFlash& flash, std::span<const std::byte> image) {
    ModelStore models(flash);
    bool resumed = false;
    std::uint32_t missing_bytes = 0;
    if (models.begin(image.first(ModelStore::kHeaderBytes), resumed, missing_bytes) != Result::ok)
        return false;
    for (std::size_t at = ModelStore::kHeaderBytes; at < image.size(); at += kPieceBytes) {
        const auto piece = image.subspan(at, std::min(kPieceBytes, image.size() - at));
        if (models.write(static_cast<std::uint32_t>(at), piece) != Result::ok) return false;
    }
    return models.commit().result == Result::ok;
}

// The name of the model that is there; none if there is none.
std::string_view held(MemoryFlash& flash) {
    store::ModelImage image;
    return ModelStore(flash).open(image) == ImageFault::none ? image.name() : "";
}

// How far a power cut lies from the next: everywhere before and behind the content each byte
// counts.
std::uint64_t step_at(std::uint64_t budget, std::uint64_t all) {
    constexpr std::uint64_t kBefore = 600, kBehind = 600, kStep = 61;
    return budget < kBefore || budget + kBehind + kStep > all ? 1 : kStep;
}

}  // namespace

TEST(a_power_cut_anywhere_in_a_push_leaves_the_old_model_or_none_or_the_new_one) {
    const auto older = test::make_image("old", 0.25f);
    const auto newer = test::make_image("new", 0.5f);
    MemoryFlash before(kRegionBytes);
    CHECK(push(before, older) && held(before) == "old");
    MemoryFlash whole(before);
    CHECK(push(whole, newer) && held(whole) == "new");
    const std::uint64_t all = whole.written;
    std::uint64_t first_new = 0;
    for (std::uint64_t budget = 0; budget < all; budget += step_at(budget, all)) {
        MemoryFlash flash(before);
        flash.budget = budget;
        bool cut = false;
        try {
            (void)push(flash, newer);
        } catch (const test::PowerCut&) {
            cut = true;
        }
        flash.budget = UINT64_MAX;
        if (!CHECK(cut)) break;
        const std::string_view name = held(flash);
        if (name == "new" && first_new == 0) first_new = budget;
        const std::string_view expected = budget == 0 ? "old" : first_new > 0 ? "new" : "";
        if (!CHECK(name == expected)) break;
        if (!CHECK(push(flash, newer) && held(flash) == "new")) break;
        if (!CHECK(!ModelStore(flash).unfinished())) break;
    }
    CHECK(first_new == all - 1);  // all that follows is the erasure of the announcement
}

TEST(an_image_is_written_within_its_bounds_only) {
    const auto image = test::make_image("test", 0.25f);
    const std::span<const std::byte> bytes(image);
    const auto size = static_cast<std::uint32_t>(image.size());
    constexpr std::uint32_t kHeaderBytes = ModelStore::kHeaderBytes;
    MemoryFlash flash(kRegionBytes);
    ModelStore models(flash);
    const auto write = [&](std::uint32_t offset, std::size_t count) {
        return models.write(offset, bytes.first(count));
    };
    CHECK(write(kHeaderBytes, 8) == Result::out_of_range);  // none has been announced
    bool resumed = false;
    std::uint32_t missing_bytes = 0;
    CHECK(models.begin(bytes.first(kHeaderBytes), resumed, missing_bytes) == Result::ok);
    CHECK(write(0, 8) == Result::out_of_range);
    CHECK(write(kHeaderBytes - 1, 1) == Result::out_of_range);
    CHECK(write(size - 4, 8) == Result::out_of_range);
    CHECK(write(size, 1) == Result::out_of_range);
    CHECK(write(0xFFFFFFF8, 16) == Result::out_of_range);  // its end takes 33 bits
    CHECK(write(size, 0) == Result::ok);
}

TEST(a_power_cut_while_a_model_is_removed_leaves_it_or_none) {
    const auto image = test::make_image("old", 0.25f);
    MemoryFlash before(kRegionBytes);
    CHECK(push(before, image));
    for (std::uint64_t budget = 0; budget < 2; ++budget) {
        MemoryFlash flash(before);
        flash.budget = budget;
        bool cut = false;
        try {
            (void)ModelStore(flash).erase();
        } catch (const test::PowerCut&) {
            cut = true;
        }
        flash.budget = UINT64_MAX;
        CHECK(cut);
        CHECK(held(flash) == (budget == 0 ? "old" : ""));
        CHECK(ModelStore(flash).erase() == Result::ok);
        CHECK(held(flash).empty());
    }
}

TEST(a_text_takes_the_memory_that_there_is_and_not_a_byte_more) {
    MemoryFlash flash(kRegionBytes);
    CHECK(push(flash, test::make_image("test", 0.25f)));
    app::TextRequest request;
    request.context = test::kImageShape.context;
    engine::Team team;
    const auto refusal = [&](std::size_t memory_bytes) {
        test::ManualClock clock;
        test::FakePlatform platform(clock, {memory_bytes});
        return app::Writer(platform, flash, team).prepare(request);
    };
    std::size_t too_small = 1, enough = 64 * 1024;
    CHECK(refusal(too_small).refused() && !refusal(enough).refused());
    while (enough - too_small > 1) {
        const std::size_t middle = (too_small + enough) / 2;
        (refusal(middle).refused() ? too_small : enough) = middle;
    }
    CHECK(refusal(too_small).code == rpc::ErrorCode::does_not_fit);
    CHECK(refusal(too_small).detail > 0);
    test::ManualClock clock;
    test::FakePlatform platform(clock, {enough});
    app::Writer writer(platform, flash, team);
    engine::Arena arena(platform.memory_blocks());
    CHECK(!writer.prepare(request).refused());
    CHECK(!writer.load(request, arena).refused());
    CHECK(!writer.begin(1, request).refused());
    CHECK(writer.advance());
}

TEST(a_model_with_another_digest_than_its_header_names_is_not_kept) {
    MemoryFlash flash(kRegionBytes);
    auto image = test::make_image("test", 0.25f);
    image[ModelStore::kHeaderBytes - 1] ^= std::byte{1};
    CHECK(!push(flash, image) && held(flash).empty());
}
