// The engine's face: the only header of it that other rooms include.
#pragma once

#include "engine/infer.h"
#include "engine/train.h"
