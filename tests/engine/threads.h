// A team of threads, as the virtual device has it.
#pragma once

#include <optional>

#include "app/team_helper.h"
#include "engine/team.h"
#include "port/posix/helper.h"

namespace ugpt {

class Threads {
  public:
    explicit Threads(std::uint32_t count)
        : threads_(count - 1), helper_(threads_), team(count > 1 ? &helper_ : nullptr) {}

  private:
    port::posix::ThreadHelper threads_;
    app::TeamHelper helper_;

  public:
    engine::Team team;
};

}  // namespace ugpt
