# Libraries of the native build, from the lists in sources.cmake.

set(UGPT_SOURCE_DIR ${CMAKE_CURRENT_LIST_DIR}/src)

add_library(ugpt-options INTERFACE)
target_compile_features(ugpt-options INTERFACE cxx_std_20)
target_include_directories(ugpt-options INTERFACE ${UGPT_SOURCE_DIR})
target_compile_options(ugpt-options INTERFACE -Wall -Wextra -Werror)
if(UGPT_SANITIZE)
    # The two left out take a third of the time, for what the address sanitizer finds as well.
    target_compile_options(ugpt-options INTERFACE -fsanitize=address,undefined
        -fno-sanitize=null,object-size -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(ugpt-options INTERFACE -fsanitize=address,undefined)
endif()

if(UGPT_FUZZ)  # so that a fuzzer sees which way the firmware goes
    target_compile_options(ugpt-options INTERFACE -fsanitize=fuzzer-no-link)
endif()

# The firmware proper does without exceptions and RTTI, as on the chip; the numerics contract
# forbids the compiler to fuse what the source does not.
add_library(ugpt-firmware-options INTERFACE)
target_link_libraries(ugpt-firmware-options INTERFACE ugpt-options)
target_compile_options(ugpt-firmware-options INTERFACE -fno-exceptions -fno-rtti
    -ffp-contract=off)

function(ugpt_add_sources target)
    list(TRANSFORM ARGN PREPEND ${UGPT_SOURCE_DIR}/)
    target_sources(${target} PRIVATE ${ARGN})
endfunction()

function(ugpt_add_library name)
    cmake_parse_arguments(ARG "" "" "SOURCES;USES" ${ARGN})
    add_library(${name} STATIC)
    ugpt_add_sources(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE ugpt-firmware-options PUBLIC ${ARG_USES})
    target_include_directories(${name} PUBLIC ${UGPT_SOURCE_DIR})
    target_compile_features(${name} PUBLIC cxx_std_20)
endfunction()

# The engine's sources for an instruction set, compiled with `options`.
function(ugpt_add_kernels name options)
    ugpt_add_sources(ugpt-engine ${UGPT_ENGINE_${name}_SOURCES})
    target_compile_definitions(ugpt-engine PRIVATE UGPT_HAS_${name})
    list(TRANSFORM UGPT_ENGINE_${name}_SOURCES PREPEND ${UGPT_SOURCE_DIR}/ OUTPUT_VARIABLE files)
    set_source_files_properties(${files}
        TARGET_DIRECTORY ugpt-engine PROPERTIES COMPILE_OPTIONS "${options}")
endfunction()

ugpt_add_library(ugpt-engine SOURCES ${UGPT_ENGINE_SOURCES})
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|AMD64|amd64)$" AND CMAKE_SIZEOF_VOID_P EQUAL 8)
    ugpt_add_kernels(AVX2 "-mavx2;-mfma")
    if(UGPT_AVX512)
        ugpt_add_kernels(AVX512 "-mavx512f;-mfma")
    endif()
endif()
# Kernels take the longest, so they are compiled beside the rest; a test brings a team of its own.
set_source_files_properties(${UGPT_SOURCE_DIR}/engine/infer/kernels.cpp
    ${UGPT_SOURCE_DIR}/engine/team.cpp ${UGPT_SOURCE_DIR}/engine/train/kernels.cpp
    PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
if(UGPT_SANITIZE)  # the tiles that chips compute with are checked too
    target_compile_definitions(ugpt-engine PRIVATE UGPT_STANDARD_STRIDES=1)
endif()
ugpt_add_library(ugpt-reference SOURCES ${UGPT_REFERENCE_SOURCES})
set_target_properties(ugpt-reference PROPERTIES EXCLUDE_FROM_ALL ON)
ugpt_add_library(ugpt-base SOURCES ${UGPT_BASE_SOURCES})
ugpt_add_library(ugpt-rpc SOURCES ${UGPT_RPC_SOURCES} USES ugpt-base)
ugpt_add_library(ugpt-store SOURCES ${UGPT_STORE_SOURCES} USES ugpt-base ugpt-engine)
ugpt_add_library(ugpt-app SOURCES ${UGPT_APP_SOURCES} USES ugpt-store ugpt-rpc)
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/../pyproject.toml UGPT_VERSION REGEX "^version = ")
string(REGEX REPLACE "^version = \"(.*)\"$" "\\1" UGPT_VERSION "${UGPT_VERSION}")
target_compile_definitions(ugpt-app PRIVATE UGPT_VERSION="${UGPT_VERSION}")
