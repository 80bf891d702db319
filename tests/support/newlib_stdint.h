// The 32-bit types as newlib has them on Xtensa and RISC-V, in place of glibc's: the same size as
// int, but long, so that std::max(x, 1u) of a std::uint32_t does not compile.
#pragma once

#define _BITS_STDINT_INTN_H 1
#define _BITS_STDINT_UINTN_H 1

typedef signed char int8_t;
typedef short int16_t;
typedef long int32_t;
typedef long long int64_t;
typedef unsigned char uint8_t;
typedef unsigned short uint16_t;
typedef unsigned long uint32_t;
typedef unsigned long long uint64_t;
