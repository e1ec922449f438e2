# Build rules shared by every room and program.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

add_library(boxlite_flags INTERFACE)
target_include_directories(boxlite_flags INTERFACE ${PROJECT_SOURCE_DIR}/src)
target_compile_options(boxlite_flags INTERFACE
  -Wall -Wextra -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wcast-align -Wimplicit-fallthrough
  -fno-strict-aliasing -fstack-protector-strong -ffunction-sections -fdata-sections
  $<$<BOOL:${BOXLITE_WERROR}>:-Werror>)
if(BOXLITE_SANITIZE)
  target_compile_options(boxlite_flags INTERFACE
    -fsanitize=${BOXLITE_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(boxlite_flags INTERFACE -fsanitize=${BOXLITE_SANITIZE})
  # g++ 12 raises false alarms when the sanitizers' instrumentation meets its flow analysis.
  target_compile_options(boxlite_flags INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
else()
  target_compile_definitions(boxlite_flags INTERFACE $<$<CONFIG:Release>:_FORTIFY_SOURCE=2>)
endif()
if(BOXLITE_FUZZ)
  target_compile_options(boxlite_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# boxlite_room(NAME ROOMS room... LIBRARIES target...): the room's sources are src/NAME/*.cpp except main.cpp.
function(boxlite_room NAME)
  cmake_parse_arguments(ROOM "" "" "ROOMS;LIBRARIES" ${ARGN})
  file(GLOB SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(FILTER SOURCES EXCLUDE REGEX "/main\\.cpp$")
  add_library(boxlite_${NAME} STATIC ${SOURCES})
  list(TRANSFORM ROOM_ROOMS PREPEND boxlite_)
  target_link_libraries(boxlite_${NAME} PUBLIC boxlite_flags ${ROOM_ROOMS} ${ROOM_LIBRARIES})
endfunction()

# A library found by pkg-config, as an imported target; with STATIC its archive and no shared object.
function(boxlite_pkg TARGET MODULE)
  pkg_check_modules(${TARGET} REQUIRED IMPORTED_TARGET ${MODULE})
endfunction()

# boxlite_library(NAME MODULE ARCHIVE): boxlite_NAME is the library that pkg-config calls MODULE; in a program with the
# property BOXLITE_STATIC it is lib<ARCHIVE>.a instead, and no shared object.
function(boxlite_library NAME MODULE ARCHIVE)
  if(TARGET boxlite_${NAME})
    return()
  endif()
  string(TOUPPER ${NAME} UPPER)
  pkg_check_modules(${UPPER} REQUIRED IMPORTED_TARGET GLOBAL ${MODULE})
  find_library(BOXLITE_${UPPER}_ARCHIVE lib${ARCHIVE}.a REQUIRED)
  add_library(boxlite_${NAME} INTERFACE)
  target_include_directories(boxlite_${NAME} INTERFACE ${${UPPER}_INCLUDE_DIRS})
  target_link_libraries(boxlite_${NAME} INTERFACE
    $<IF:$<BOOL:$<TARGET_PROPERTY:BOXLITE_STATIC>>,${BOXLITE_${UPPER}_ARCHIVE},PkgConfig::${UPPER}>
    Threads::Threads ${CMAKE_DL_LIBS})
endfunction()
