# What `cmake --install` lays down, and the Debian package that `cpack -G DEB` in the build folder makes of it. The man page and the
# completions are what the program says about itself. Dependencies are found by dpkg-shlibdeps.
include(GNUInstallDirs)

set(packaging "${CMAKE_SOURCE_DIR}/packaging")
set(generated "${CMAKE_BINARY_DIR}/packaging")
set(doc "${CMAKE_INSTALL_DATADIR}/doc/carnet")

find_program(GZIP_PROGRAM gzip REQUIRED)
file(MAKE_DIRECTORY "${generated}")
add_custom_command(
  OUTPUT "${generated}/carnet.1.gz" "${generated}/carnet.bash" "${generated}/_carnet" "${generated}/changelog.gz"
  COMMAND sh -c "'$<TARGET_FILE:carnet>' docs man | '${GZIP_PROGRAM}' -9n > carnet.1.gz"
  COMMAND sh -c "'$<TARGET_FILE:carnet>' docs bash > carnet.bash"
  COMMAND sh -c "'$<TARGET_FILE:carnet>' docs zsh > _carnet"
  COMMAND sh -c "'${GZIP_PROGRAM}' -9nc '${CMAKE_SOURCE_DIR}/CHANGELOG.md' > changelog.gz"
  DEPENDS carnet "${CMAKE_SOURCE_DIR}/CHANGELOG.md"
  WORKING_DIRECTORY "${generated}" VERBATIM)
add_custom_target(carnet_package_files ALL
  DEPENDS "${generated}/carnet.1.gz" "${generated}/carnet.bash" "${generated}/_carnet" "${generated}/changelog.gz")

install(FILES "${generated}/carnet.1.gz" DESTINATION "${CMAKE_INSTALL_MANDIR}/man1" OPTIONAL)
install(FILES "${generated}/carnet.bash" DESTINATION "${CMAKE_INSTALL_DATADIR}/bash-completion/completions" RENAME carnet OPTIONAL)
install(FILES "${generated}/_carnet" DESTINATION "${CMAKE_INSTALL_DATADIR}/zsh/vendor-completions" OPTIONAL)
install(FILES "${generated}/changelog.gz" DESTINATION "${doc}" OPTIONAL)
install(FILES "${packaging}/systemd/carnet.service" DESTINATION lib/systemd/system)
install(FILES "${packaging}/systemd/carnet.sysusers" DESTINATION lib/sysusers.d RENAME carnet.conf)
install(FILES "${packaging}/systemd/carnet.tmpfiles" DESTINATION lib/tmpfiles.d RENAME carnet.conf)
install(FILES "${packaging}/debian/carnet.toml" DESTINATION /etc/carnet)
install(FILES "${packaging}/debian/carnet.default" DESTINATION /etc/default RENAME carnet)
install(FILES "${packaging}/debian/copyright" NOTICE DESTINATION "${doc}")
install(DIRECTORY docs/ DESTINATION "${doc}" FILES_MATCHING PATTERN "*.md")
install(FILES "${packaging}/grafana/carnet.json" DESTINATION "${doc}/examples/grafana")
install(FILES "${packaging}/prometheus/carnet.rules.yml" DESTINATION "${doc}/examples/prometheus")

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME carnet)
set(CPACK_PACKAGE_VERSION "${PROJECT_VERSION}")
set(CPACK_PACKAGE_CONTACT "The Carnet authors <carnet@example.org>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGE_DESCRIPTION "Looks at the cryptography that TLS and SSH endpoints, mail servers, files and key sets use, judges how
ready it is for quantum computers, and hands the judgement to an outsider
behind an expiring link, with a signed passport that anybody can verify.
This package holds the service, the command line and a systemd unit.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_PRIORITY optional)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
# init-system-helpers: deb-systemd-helper of the maintainer scripts.
set(CPACK_DEBIAN_PACKAGE_DEPENDS "init-system-helpers (>= 1.54~), systemd | systemd-standalone-sysusers, systemd | systemd-standalone-tmpfiles")
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS "ca-certificates")
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "postgresql, prometheus, nginx")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA
  "${packaging}/debian/postinst;${packaging}/debian/prerm;${packaging}/debian/postrm;${packaging}/debian/conffiles")
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
include(CPack)
