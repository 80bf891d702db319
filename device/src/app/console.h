// The console: a person at a serial terminal types the beginning of a story and sees it written.
// It is there while no host speaks; a host takes over with its first hello.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "app/shared.h"
#include "engine/engine.h"
#include "port/port.h"

namespace ugpt::app {

class Trainer;

// A line that is typed, byte by byte, and what the terminal is to show for each.
class LineEditor {
  public:
    enum class Act : std::uint8_t { none, enter, interrupt };

    explicit LineEditor(TextLine& line) : line_(line) {}

    // `echo` is valid until the next call.
    Act take(std::uint8_t byte, std::string_view& echo);
    [[nodiscard]] bool empty() const { return line_.size == 0; }
    void clear() { line_.size = 0; }

  private:
    enum class Escape : std::uint8_t { none, begun, sequence };

    bool skip_escape(std::uint8_t byte);
    std::string_view erase_character();

    TextLine& line_;
    std::array<char, 1> echoed_{};
    Escape escape_ = Escape::none;  // arrows and the like send sequences, which mean nothing here
    bool after_return_ = false;     // a line feed that follows belongs to it
};

// The link task's side: what is typed, and what is shown.
class ConsoleInput {
  public:
    ConsoleInput(Shared& shared, port::Platform& platform, port::Serial& serial,
                 port::Signal& trainer_signal)
        : shared_(shared),
          platform_(platform),
          serial_(serial),
          trainer_signal_(trainer_signal),
          editor_(shared.typed) {}

    // Bytes that have arrived; those of frames are passed over.
    void hear(std::span<const std::uint8_t> bytes);
    // A host has sent a frame.
    void note_frame() { frame_us_ = platform_.now_us(); }
    // To be called over and over: greets when the console opens.
    void look();
    void show(const TextLine& text);

  private:
    [[nodiscard]] bool open() const;
    bool is_in_frame(std::uint8_t byte);
    void type(std::uint8_t byte);
    void give_back(std::uint8_t byte);
    void write(std::string_view text);

    Shared& shared_;
    port::Platform& platform_;
    port::Serial& serial_;
    port::Signal& trainer_signal_;
    LineEditor editor_;
    bool open_ = false;  // it was when `look` was called last
    bool busy_ = false;  // a story is being written
    bool in_frame_ = false;
    bool frame_has_bytes_ = false;
    std::uint64_t heard_us_ = 0;
    std::uint64_t frame_us_ = 0;
};

// The trainer task's side: has stories written, and passes them on.
class ConsoleWriter {
  public:
    ConsoleWriter(Trainer& trainer, Shared& shared, port::Serial& serial)
        : trainer_(trainer), shared_(shared), serial_(serial) {}

    // False if there is nothing to do.
    bool advance();

  private:
    void leave();
    bool begin_story();
    bool continue_story();
    void take_bytes(std::string_view bytes);
    void end_story();
    void append_reason(std::string_view text);
    void append(std::string_view text);
    [[nodiscard]] bool full() const;

    Trainer& trainer_;
    Shared& shared_;
    port::Serial& serial_;
    bool active_ = false;      // a story has been begun
    bool ready_ = false;       // `piece_` waits for room in the queue
    std::uint32_t token_ = 0;  // to be passed on next,
    std::size_t offset_ = 0;   // from this byte on
    engine::Utf8Stream characters_;
    TextLine piece_;
};

}  // namespace ugpt::app
