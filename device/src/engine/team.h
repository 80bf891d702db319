// Work shared by two cores. Whichever core computes a part, it computes the same bits.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ugpt::engine {

// Another core, or a thread that stands for it.
class Helper {
  public:
    // Lets the helper run work(context), which the caller need not wait for.
    virtual void start(void (*work)(void*), void* context) = 0;
    // Returns when what was started has returned.
    virtual void wait() = 0;
    // Called over and over by who waits for the other for a moment.
    virtual void relax() = 0;

  protected:
    ~Helper() = default;
};

// The caller and its helper, if there is one. Between `begin` and `end` the helper takes part in
// all that is shared; otherwise it is blocked and costs nothing.
class Team {
  public:
    explicit Team(Helper* helper = nullptr) : helper_(helper) {}
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    [[nodiscard]] bool alone() const { return helper_ == nullptr; }

    void begin();
    void end();

    // Calls part(i) once for every i below `parts`, in any order and on either core. Returns when
    // all calls have returned. Only between `begin` and `end`.
    template <typename Part>
    void share(std::uint32_t parts, const Part& part) {
        const auto call = [](const void* context, std::uint32_t i) {
            (*static_cast<const Part*>(context))(i);
        };
        if (helper_ == nullptr) {
            for (std::uint32_t i = 0; i < parts; ++i) part(i);
        } else {
            share_with_helper(parts, call, &part);
        }
    }

  private:
    using Call = void (*)(const void* context, std::uint32_t i);

    static void help(void* team);
    bool claim(std::uint32_t& part);
    void share_with_helper(std::uint32_t parts, Call call, const void* context);

    static constexpr std::uint32_t kEnded = 0xffffffff;

    Helper* helper_;
    // Parts of the work that nobody has claimed yet. Who takes one down owns the part of that
    // number, and then `call_` and `context_` stay as they are until it is done: the caller waits
    // for `done_` before it shares anything else.
    std::atomic<std::uint32_t> unclaimed_{0};
    std::atomic<std::uint32_t> done_{0};
    Call call_ = nullptr;
    const void* context_ = nullptr;
};

}  // namespace ugpt::engine
