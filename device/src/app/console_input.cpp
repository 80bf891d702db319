#include <array>

#include "app/console.h"

namespace ugpt::app {
namespace {

constexpr std::string_view kGreeting =
    "\r\nType the beginning of a story and press Enter; Ctrl-X stops it.\r\n";
constexpr std::string_view kPrompt = "> ";
constexpr std::string_view kLineEnd = "\r\n";

// A frame does not pause for so long; a zero that no frame follows is noise.
constexpr std::uint64_t kLongestPauseUs = 1'000'000;
// A host that is there speaks more often.
constexpr std::uint64_t kHostGoneUs = 3'000'000;

constexpr std::uint8_t kControlC = 0x03, kBackspace = 0x08, kControlX = 0x18, kEscape = 0x1b,
                       kDelete = 0x7f;

// Some programs for terminals end at Ctrl-C themselves, so that only Ctrl-X reaches the board.
bool interrupts(std::uint8_t byte) {
    return byte == kControlC || byte == kControlX;
}

bool ends_line(std::uint8_t byte) {
    return byte == '\r' || byte == '\n';
}

bool continues_character(char byte) {
    return (static_cast<std::uint8_t>(byte) & 0xC0) == 0x80;
}

}  // namespace

LineEditor::Act LineEditor::take(std::uint8_t byte, std::string_view& echo) {
    echo = {};
    const bool after_return = after_return_;
    after_return_ = byte == '\r';
    if (skip_escape(byte) || (byte == '\n' && after_return)) return Act::none;
    if (ends_line(byte)) return Act::enter;
    if (interrupts(byte)) return Act::interrupt;
    if (byte == kBackspace || byte == kDelete) {
        echo = erase_character();
    } else if (byte >= 0x20 && line_.size < TextLine::kMaxBytes) {
        echoed_[0] = line_.text[line_.size++] = static_cast<char>(byte);
        echo = {echoed_.data(), echoed_.size()};
    }
    return Act::none;
}

bool LineEditor::skip_escape(std::uint8_t byte) {
    switch (escape_) {
        case Escape::none:
            if (byte == kEscape) escape_ = Escape::begun;
            break;
        case Escape::begun:
            escape_ = byte == '[' || byte == 'O' ? Escape::sequence : Escape::none;
            return escape_ == Escape::sequence;
        case Escape::sequence:
            if (byte >= 0x40) escape_ = Escape::none;
            return true;
    }
    return escape_ != Escape::none;
}

std::string_view LineEditor::erase_character() {
    if (line_.size == 0) return {};
    while (line_.size > 1 && continues_character(line_.text[line_.size - 1u])) --line_.size;
    --line_.size;
    return "\b \b";
}

bool ConsoleInput::open() const {
    return shared_.progress.read().console &&
           !shared_.handshake_done.load(std::memory_order_relaxed);
}

void ConsoleInput::look() {
    if (open() == open_) return;
    open_ = !open_;
    busy_ = false;
    if (!shared_.typed_ready.load(std::memory_order_acquire)) editor_.clear();
    if (open_) {
        write(kGreeting);
        write(kPrompt);
    }
}

void ConsoleInput::hear(std::span<const std::uint8_t> bytes) {
    if (!shared_.progress.read().console) return;
    const std::uint64_t now_us = platform_.now_us();
    if (now_us - heard_us_ > kLongestPauseUs) in_frame_ = false;
    heard_us_ = now_us;
    for (const std::uint8_t byte : bytes) {
        if (is_in_frame(byte)) continue;
        if (open_)
            type(byte);
        else
            give_back(byte);
    }
}

// A zero stands before and after every frame.
bool ConsoleInput::is_in_frame(std::uint8_t byte) {
    if (byte != 0) {
        frame_has_bytes_ = in_frame_;
        return in_frame_;
    }
    in_frame_ = !(in_frame_ && frame_has_bytes_);
    frame_has_bytes_ = false;
    return true;
}

void ConsoleInput::give_back(std::uint8_t byte) {
    if (ends_line(byte) && heard_us_ - frame_us_ > kHostGoneUs)
        shared_.handshake_done.store(false, std::memory_order_relaxed);
}

void ConsoleInput::type(std::uint8_t byte) {
    if (busy_ || shared_.typed_ready.load(std::memory_order_acquire)) {
        if (interrupts(byte)) shared_.interrupted.store(true, std::memory_order_relaxed);
        return;
    }
    std::string_view echo;
    switch (editor_.take(byte, echo)) {
        case LineEditor::Act::none:
            write(echo);
            break;
        case LineEditor::Act::enter:
            if (editor_.empty()) {
                write(kLineEnd);
                write(kPrompt);
                break;
            }
            busy_ = true;
            shared_.interrupted.store(false, std::memory_order_relaxed);
            shared_.typed_ready.store(true, std::memory_order_release);
            trainer_signal_.set();
            break;
        case LineEditor::Act::interrupt:
            editor_.clear();
            write(byte == kControlC ? "^C\r\n" : "^X\r\n");
            write(kPrompt);
            break;
    }
}

void ConsoleInput::show(const TextLine& text) {
    if (text.after == TextLine::After::line_end) {
        write(text.view());
        write(kLineEnd);
        return;
    }
    trainer_signal_.set();  // it may wait for room
    if (!open_) return;     // of a story that a host has ended
    write(text.view());
    if (text.after != TextLine::After::prompt) return;
    write(kLineEnd);
    write(kPrompt);
    editor_.clear();
    busy_ = false;
}

void ConsoleInput::write(std::string_view text) {
    serial_.write({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
}

}  // namespace ugpt::app
