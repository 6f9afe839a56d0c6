# How this project declares targets: one library per folder, explicit sources, warnings are errors.

function(edgetp_target_options target)
  target_compile_features(${target} PUBLIC cxx_std_20)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Werror -Wno-unused-parameter
                                           -Wno-missing-field-initializers)
  # Without it, ccache does not see that an object depends on a precompiled header, and hands out stale ones.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-fpch-preprocess>)
  target_include_directories(${target} PUBLIC ${CMAKE_SOURCE_DIR})
  if(EDGETP_SANITIZE)
    target_compile_options(${target} PUBLIC -fsanitize=${EDGETP_SANITIZE} -fno-omit-frame-pointer
                                            -fno-sanitize-recover=all)
    # g++ warns of its own instrumentation of the standard library.
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
    target_link_options(${target} PUBLIC -fsanitize=${EDGETP_SANITIZE})
  endif()
endfunction()

file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/pages)
add_custom_target(pages)  # what edgetp_pages writes

# Where nothing is computed that takes time: a release is compiled in two thirds of the time then.
set(EDGETP_LITTLE_OPTIMIZATION $<$<CONFIG:Release>:-O1>)

# edgetp_library(NAME SOURCES a.cc ... DEPS lib ... [PRIVATE_DEPS lib ...] [CONTROL])
# CONTROL: it takes decisions and passes messages on; see EDGETP_LITTLE_OPTIMIZATION.
function(edgetp_library name)
  cmake_parse_arguments(ARG "CONTROL" "" "SOURCES;DEPS;PRIVATE_DEPS" ${ARGN})
  add_library(${name} STATIC ${ARG_SOURCES})
  target_link_libraries(${name} PUBLIC ${ARG_DEPS} PRIVATE ${ARG_PRIVATE_DEPS})
  edgetp_target_options(${name})
  if(ARG_CONTROL)
    target_compile_options(${name} PRIVATE ${EDGETP_LITTLE_OPTIMIZATION})
  endif()
endfunction()

# Its manual page and its completion for bash, which the program writes itself: target `pages`, part of all.
# Where it cannot run (a cross build without an emulator) or must not (sanitizers), there are none.
function(edgetp_pages name)
  if((CMAKE_CROSSCOMPILING AND NOT CMAKE_CROSSCOMPILING_EMULATOR) OR EDGETP_SANITIZE)
    return()
  endif()
  set(manual ${CMAKE_BINARY_DIR}/pages/${name}.1)
  set(completion ${CMAKE_BINARY_DIR}/pages/${name})
  add_custom_command(
    OUTPUT ${manual} ${completion}
    COMMAND ${name} --print_page=man > ${manual}
    COMMAND ${name} --print_page=bash > ${completion}
    DEPENDS ${name}
    COMMENT "Writing the pages of ${name}"
    VERBATIM)
  add_custom_target(${name}_pages ALL DEPENDS ${manual} ${completion})
  add_dependencies(pages ${name}_pages)
  install(FILES ${manual} DESTINATION ${CMAKE_INSTALL_MANDIR}/man1)
  install(FILES ${completion} DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
endfunction()

# edgetp_binary(NAME SOURCES a.cc ... DEPS lib ...): an installed program. What it does is in its libraries.
function(edgetp_binary name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS})
  edgetp_target_options(${name})
  target_compile_options(${name} PRIVATE ${EDGETP_LITTLE_OPTIMIZATION})
  install(TARGETS ${name} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
  edgetp_pages(${name})
endfunction()

# GoogleTest is parsed once for all tests; a precompiled header is taken only by targets with the same options, hence
# -pthread. What is tested is built as ever.
if(EDGETP_TESTS)
  file(WRITE ${CMAKE_BINARY_DIR}/test_pch.cc "// Nothing: it carries the precompiled header.\n")
  add_library(edgetp_test_pch OBJECT ${CMAKE_BINARY_DIR}/test_pch.cc)
  target_link_libraries(edgetp_test_pch PRIVATE GTest::gmock)
  target_precompile_headers(edgetp_test_pch PRIVATE <gmock/gmock.h> <gtest/gtest.h>)
  edgetp_target_options(edgetp_test_pch)
  target_compile_options(edgetp_test_pch PRIVATE -pthread ${EDGETP_LITTLE_OPTIMIZATION})
endif()


# edgetp_test(NAME SOURCES a_test.cc ... DEPS lib ... [TIMEOUT seconds] [LABELS label ...] [OWN_PCH])
# OWN_PCH: the target precompiles another header than the tests' common one.
function(edgetp_test name)
  cmake_parse_arguments(ARG "OWN_PCH" "TIMEOUT" "SOURCES;DEPS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  if(NOT ARG_LABELS)
    set(ARG_LABELS unit)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPS} GTest::gmock GTest::gtest_main)
  edgetp_target_options(${name})
  target_compile_options(${name} PRIVATE -pthread ${EDGETP_LITTLE_OPTIMIZATION})
  if(NOT ARG_OWN_PCH)
    target_precompile_headers(${name} REUSE_FROM edgetp_test_pch)
  endif()
  # Helpers of different files may have the same name here.
  set_target_properties(${name} PROPERTIES UNITY_BUILD OFF)
  target_compile_definitions(${name} PRIVATE EDGETP_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             EDGETP_BINARY_DIR="${CMAKE_BINARY_DIR}")
  add_test(NAME ${name} COMMAND ${name})
  if(EDGETP_SANITIZE OR CMAKE_CROSSCOMPILING)
    math(EXPR ARG_TIMEOUT "5 * ${ARG_TIMEOUT}")  # code is several times slower then
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}")
endfunction()

# edgetp_embed(OUT NAME file ...): a source file OUT with the files' text as `extern const char NAME[]`.
function(edgetp_embed out name)
  list(JOIN ARGN "|" files)
  add_custom_command(
    OUTPUT ${out}
    COMMAND ${CMAKE_COMMAND} -DOUT=${out} -DNAME=${name} "-DFILES=${files}" -P ${CMAKE_SOURCE_DIR}/cmake/EmbedText.cmake
    DEPENDS ${ARGN} ${CMAKE_SOURCE_DIR}/cmake/EmbedText.cmake
    VERBATIM)
endfunction()
