# What `cmake --install` puts below its prefix, besides the libraries and programs that their own rooms install. The
# library finds its parts relative to itself, so the prefix can be moved as a whole.
#   include/boxlite.h   lib/pkgconfig/boxlite.pc   share/boxlite/{vmlinux,initramfs.cpio}
install(FILES ${PROJECT_SOURCE_DIR}/include/boxlite.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})

file(RELATIVE_PATH BOXLITE_PC_PREFIX "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
string(REGEX REPLACE "/$" "" BOXLITE_PC_PREFIX "${BOXLITE_PC_PREFIX}")
configure_file(${PROJECT_SOURCE_DIR}/pkgconfig/boxlite.pc.in ${PROJECT_BINARY_DIR}/boxlite.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/boxlite.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

install(FILES ${PROJECT_BINARY_DIR}/initramfs.cpio DESTINATION ${CMAKE_INSTALL_DATADIR}/boxlite)

# The kernel is not built by this build but by scripts/build-guest-kernel, into a cache outside the tree.
set(BOXLITE_GUEST_KERNEL "" CACHE FILEPATH "A vmlinux to install instead of what scripts/build-guest-kernel gives")
install(CODE "
  set(kernel \"${BOXLITE_GUEST_KERNEL}\")
  if(NOT kernel)
    execute_process(COMMAND \"${PROJECT_SOURCE_DIR}/scripts/build-guest-kernel\"
      OUTPUT_VARIABLE kernel OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  endif()
  file(INSTALL DESTINATION \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_DATADIR}/boxlite\" TYPE FILE RENAME vmlinux
    FILES \"\${kernel}\")")
