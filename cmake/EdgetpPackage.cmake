# `cpack -G DEB` in the build folder makes edgetp_VERSION_ARCHITECTURE.deb of what is built: the programs, presets, pages
# and systemd units that `cmake --install` installs, and the files of /etc, which only a package may own.
# scripts/test_package.sh tries it.
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME edgetp)
set(CPACK_PACKAGE_CONTACT "edgetp developers")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "train a GPT with tensor parallelism on edge devices")
set(CPACK_PACKAGE_DESCRIPTION
    "edgetp trains a GPT on several devices joined by slow links, real or emulated, and says what each
synchronisation pattern costs in time and in loss. This package has the command line, the server
and the worker, which a systemd unit starts with the board.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# LibTorch takes any BLAS. The reference one is 20 times slower, and is what a minimal system would get.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "libopenblas0-openmp | libmkl-rt")
# The default data set is fetched with curl; certificates for a try are made with openssl.
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "bash-completion, ca-certificates, curl, openssl")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
    ${CMAKE_SOURCE_DIR}/deploy/debian/conffiles ${CMAKE_SOURCE_DIR}/deploy/debian/postinst
    ${CMAKE_SOURCE_DIR}/deploy/debian/prerm ${CMAKE_SOURCE_DIR}/deploy/debian/postrm)
set(CPACK_INSTALLED_DIRECTORIES ${CMAKE_SOURCE_DIR}/deploy/debian/etc /etc)
include(CPack)
