#include "port/posix/flash.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace ugpt::port::posix {
namespace {

using Chunk = std::array<std::byte, Flash::kSectorBytes>;

// Brings the file to `size` bytes; what is new reads as erased.
bool extend_erased(int fd, std::int64_t size) {
    struct stat status {};
    if (fstat(fd, &status) != 0) return false;
    Chunk erased;
    erased.fill(std::byte{0xFF});
    for (std::int64_t at = status.st_size; at < size;) {
        const auto count = std::min<std::int64_t>(size - at, Flash::kSectorBytes);
        if (pwrite(fd, erased.data(), static_cast<std::size_t>(count), at) != count) return false;
        at += count;
    }
    return true;
}

}  // namespace

std::unique_ptr<FileFlash> FileFlash::open(const std::string& path, const FlashLayout& layout,
                                           std::string& error) {
    const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) {
        error = "cannot open the flash file " + path + ": " + std::strerror(errno);
        return nullptr;
    }
    std::unique_ptr<FileFlash> flash(new FileFlash(fd, layout));
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        error = "the flash file " + path + " is in use by another virtual device";
        return nullptr;
    }
    std::int64_t total = 0;
    for (const std::uint32_t size : layout) total += size;
    if (!extend_erased(fd, total)) {
        error = "cannot extend the flash file " + path + ": " + std::strerror(errno);
        return nullptr;
    }
    return flash;
}

FileFlash::~FileFlash() { close(fd_); }

std::uint32_t FileFlash::size_bytes(Region region) const {
    return layout_[static_cast<std::size_t>(region)];
}

bool FileFlash::inside(Region region, std::uint32_t offset, std::size_t size) const {
    return offset <= size_bytes(region) && size <= size_bytes(region) - offset;
}

std::int64_t FileFlash::position(Region region, std::uint32_t offset) const {
    std::int64_t at = offset;
    for (std::size_t i = 0; i < static_cast<std::size_t>(region); ++i) at += layout_[i];
    return at;
}

bool FileFlash::read(Region region, std::uint32_t offset, std::span<std::byte> out) {
    if (!inside(region, offset, out.size())) return false;
    return pread(fd_, out.data(), out.size(), position(region, offset)) ==
           static_cast<ssize_t>(out.size());
}

bool FileFlash::store(std::int64_t at, std::span<const std::byte> bytes) {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), bytes_left_));
    if (pwrite(fd_, bytes.data(), count, at) != static_cast<ssize_t>(count)) return false;
    if (bytes_left_ != UINT64_MAX) bytes_left_ -= count;
    if (count < bytes.size() || bytes_left_ == 0) _exit(EXIT_FAILURE);
    return true;
}

bool FileFlash::write(Region region, std::uint32_t offset, std::span<const std::byte> bytes) {
    if (!inside(region, offset, bytes.size())) return false;
    const std::int64_t start = position(region, offset);
    Chunk chunk;
    for (std::size_t done = 0; done < bytes.size();) {
        const std::size_t count = std::min(bytes.size() - done, chunk.size());
        const std::int64_t at = start + static_cast<std::int64_t>(done);
        if (pread(fd_, chunk.data(), count, at) != static_cast<ssize_t>(count)) return false;
        for (std::size_t i = 0; i < count; ++i) chunk[i] &= bytes[done + i];  // only 1 -> 0
        if (!store(at, {chunk.data(), count})) return false;
        done += count;
    }
    return true;
}

bool FileFlash::erase(Region region, std::uint32_t offset, std::uint32_t size) {
    if (!inside(region, offset, size) || (offset | size) % kSectorBytes != 0) return false;
    Chunk erased;
    erased.fill(std::byte{0xFF});
    for (std::uint32_t done = 0; done < size; done += kSectorBytes)
        if (!store(position(region, offset + done), erased)) return false;
    return true;
}

}  // namespace ugpt::port::posix
