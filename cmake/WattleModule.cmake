# wattle_module(NAME DEPS other modules... LIBS outside libraries...)
# One module is one static library `wattle_NAME` made of src/NAME/**.cpp, and, where there are
# *_test.cpp files beside the sources, one test program `wattle_NAME_tests`.

add_library(wattle_flags INTERFACE)
target_compile_options(wattle_flags INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wno-missing-field-initializers -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")  # std::stable_sort of GCC 12's library
  target_compile_options(wattle_flags INTERFACE -Wno-deprecated-declarations)
endif()
if(WATTLE_SANITIZE)
  target_compile_options(wattle_flags INTERFACE -fsanitize=${WATTLE_SANITIZE}
    -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(wattle_flags INTERFACE -fsanitize=${WATTLE_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")  # GCC 12 sees uninitialised optionals in instrumented code
    target_compile_options(wattle_flags INTERFACE -Wno-maybe-uninitialized)
  endif()
endif()

if(WATTLE_FUZZ)  # libFuzzer steers by the coverage of the modules, not of the small target alone
  target_compile_options(wattle_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

find_program(WATTLE_CCACHE ccache)
if(WATTLE_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${WATTLE_CCACHE})
endif()

function(wattle_test_program target sources)
  if(NOT WATTLE_TESTS OR NOT sources)
    return()
  endif()
  add_executable(${target} ${sources})
  target_link_libraries(${target} PRIVATE ${ARGN} wattle_flags GTest::gtest GTest::gmock GTest::gtest_main)
  # In a header of its own, so that the other tests compile to the same bytes in every folder.
  file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/wattle_folders.hpp CONTENT
"#pragma once
#define WATTLE_SOURCE_DIR \"@CMAKE_SOURCE_DIR@\"
#define WATTLE_BINARY_DIR \"@CMAKE_BINARY_DIR@\"
" @ONLY)
  target_include_directories(${target} PRIVATE ${CMAKE_BINARY_DIR}/generated)
  gtest_discover_tests(${target} DISCOVERY_TIMEOUT 60
    PROPERTIES TIMEOUT 300 WORKING_DIRECTORY ${CMAKE_SOURCE_DIR})
endfunction()

function(wattle_module name)
  cmake_parse_arguments(ARG "" "" "DEPS;LIBS;EXCLUDE" ${ARGN})
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  set(tests ${sources})
  list(FILTER sources EXCLUDE REGEX "_test\\.cpp$")
  list(FILTER tests INCLUDE REGEX "_test\\.cpp$")
  foreach(pattern ${ARG_EXCLUDE})
    list(FILTER sources EXCLUDE REGEX ${pattern})
    list(FILTER tests EXCLUDE REGEX ${pattern})
  endforeach()
  list(TRANSFORM ARG_DEPS PREPEND wattle_ OUTPUT_VARIABLE deps)
  if(NOT sources)  # headers only
    add_library(wattle_${name} INTERFACE)
    target_include_directories(wattle_${name} INTERFACE ${CMAKE_SOURCE_DIR}/src)
    target_link_libraries(wattle_${name} INTERFACE ${deps} ${ARG_LIBS})
    return()
  endif()
  add_library(wattle_${name} STATIC ${sources})
  target_include_directories(wattle_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(wattle_${name} PUBLIC ${deps} ${ARG_LIBS} PRIVATE wattle_flags)
  wattle_test_program(wattle_${name}_tests "${tests}" wattle_${name})
endfunction()
