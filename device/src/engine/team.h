// Work shared by several cores. Whichever core computes a piece, it computes the same bits.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ugpt::engine {

// The other cores, or threads that stand for them.
class Helper {
  public:
    // How many there are.
    [[nodiscard]] virtual std::uint32_t count() const = 0;
    // What each of them runs when it is woken, with its own number from 1 on; then it blocks again.
    // Called once, before all else.
    virtual void employ(void (*work)(void* context, std::uint32_t core), void* context) = 0;
    // Wakes `count` of those that are blocked, or about to be. The caller goes on at once.
    virtual void wake(std::uint32_t count) = 0;
    // Called over and over by a core that waits for another one for a moment.
    virtual void relax() = 0;

  protected:
    ~Helper() = default;
};

// The caller, core 0, and its helpers. Between `begin` and `end` they take part in all that is
// shared; otherwise they are blocked and cost nothing.
//
// Nobody waits for a helper that its core has been taken from, but for the end of a piece that it
// is in the middle of: what it has not claimed, the others do.
class Team {
  public:
    // A team of one.
    constexpr Team() = default;
    // Memory for each core of its own is laid out for `cores`, or for as many as take part.
    explicit Team(Helper* helper, std::uint32_t cores = 1);
    // Waits for helpers that are still on their way out.
    ~Team();
    Team(const Team&) = delete;
    Team& operator=(const Team&) = delete;

    [[nodiscard]] std::uint32_t cores() const { return cores_; }

    void begin();
    void end();

    // Whether helpers take part now.
    [[nodiscard]] bool divides() const { return divides_; }

    // Calls piece(i, core) once for every i below `pieces`, on any core and in any order; alone, in
    // ascending order. Returns when all calls have returned. At most 0x7fff pieces.
    template <typename Piece>
    void share(std::uint32_t pieces, const Piece& piece) {
        const auto call = [](const void* context, std::uint32_t i, std::uint32_t core) {
            (*static_cast<const Piece*>(context))(i, core);
        };
        run(pieces, call, &piece);
    }

  private:
    using Call = void (*)(const void* context, std::uint32_t i, std::uint32_t core);

    static void help(void* team, std::uint32_t core);
    bool claim_first(std::uint32_t& piece);
    bool claim_last(std::uint32_t& piece);
    bool leave(std::uint32_t seen);
    void run(std::uint32_t pieces, Call call, const void* context);
    void share_out(std::uint32_t pieces, Call call, const void* context);
    void join(std::uint32_t helped);

    Helper* helper_ = nullptr;
    std::uint32_t cores_ = 1;
    bool divides_ = false;
    // The pieces that nobody has claimed yet: the first of them in the lower half, the one behind
    // the last in the upper half. The caller takes the first, helpers the last, so that in each
    // core's cache is what it had before. Who claims a piece owns it, and then `call_` and
    // `context_` stay as they are until it is done: the caller waits for `done_` before it shares
    // anything else.
    //
    // From kEnded on, nothing is shared: kEnded + n if n helpers have left.
    std::atomic<std::uint32_t> unclaimed_{kEnded};
    std::atomic<std::uint32_t> done_{0};  // by helpers
    Call call_ = nullptr;
    const void* context_ = nullptr;

    static constexpr std::uint32_t kEnded = 0x80000000;
    static constexpr std::uint32_t kOneLast = 0x10000;
};

}  // namespace ugpt::engine
