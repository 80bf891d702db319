// The image of a pretrained model in flash, and how it comes there in pieces.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "port/port.h"
#include "store/model_image.h"
#include "store/result.h"

namespace ugpt::store {

// What has become of a push.
struct PushResult {
    Result result = Result::ok;
    ImageFault fault = ImageFault::none;  // why it is not_whole
};

// The region begins with the image, if it is whole. Its last sector holds the header of one that
// was announced, for as long as that has not all come: so a push that is cut off anywhere is known
// after a restart, and goes on. The header goes to the front when everything else has been checked,
// and its first eight bytes are the last to be written: before that there is no image.
class ModelStore {
  public:
    static constexpr std::uint32_t kBlockBytes = port::Flash::kSectorBytes;
    static constexpr std::uint32_t kHeaderBytes = ImageHeader::kBytes;
    using HeaderBytes = std::array<std::byte, kHeaderBytes>;

    explicit ModelStore(port::Flash& flash) : flash_(flash) {}

    // Room for an image.
    [[nodiscard]] static std::uint32_t room_bytes(const port::Flash& flash);
    [[nodiscard]] std::uint32_t room_bytes() const { return room_bytes(flash_); }

    // Opens the image in flash: `absent` if none is there. It stays where it is.
    [[nodiscard]] ImageFault open(ModelImage& image);
    // The header of an image that was announced and has not all come.
    [[nodiscard]] std::optional<HeaderBytes> unfinished();

    // Erases what is there and makes room for the image of this header, which has been read. What
    // is there of the same image is kept, and `resumed` says so. If that is no_room, the region is
    // `missing_bytes` too small, and nothing is erased.
    Result begin(std::span<const std::byte> header, bool& resumed, std::uint32_t& missing_bytes);
    // Part of what follows the header; the same part again changes nothing.
    Result write(std::uint32_t offset, std::span<const std::byte> bytes);
    // The CRCs of the blocks from `first` on of what follows the header of an image that is there
    // or was announced. Returns how many there are.
    std::size_t checksums(std::uint32_t first, std::span<std::uint32_t> out);
    // Checks what has come and makes it the image. If it is none, the push has to begin anew.
    PushResult commit();
    // Removes the image, and one that was announced.
    Result erase();

  private:
    static constexpr port::Region kRegion = port::Region::model;

    [[nodiscard]] std::uint32_t announcement() const { return room_bytes(); }
    bool holds(std::span<const std::byte> header);
    bool write_header(std::span<const std::byte> header);

    port::Flash& flash_;
};

}  // namespace ugpt::store
