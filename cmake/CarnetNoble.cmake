# The modules of the npm packages @noble/post-quantum, @noble/curves and @noble/hashes that verifying ML-DSA in a browser needs.
#
# carnet_noble_modules(OUT): writes them into the build folder under flat names ("noble-hashes-sha3.js"), with their imports
# leading to /assets/ on the same origin, and gives the list of files. Nothing else in them is changed.
set(CARNET_NOBLE_MODULES
  post-quantum/ml-dsa.js post-quantum/_crystals.js post-quantum/utils.js
  curves/utils.js curves/abstract/fft.js curves/abstract/modular.js
  hashes/sha2.js hashes/sha3.js hashes/_md.js hashes/_u64.js hashes/hmac.js hashes/legacy.js hashes/utils.js)

function(carnet_noble_modules out)
  set(from "${CMAKE_SOURCE_DIR}/third_party/npm/node_modules/@noble")
  set(to "${CMAKE_CURRENT_BINARY_DIR}/noble")
  if(NOT EXISTS "${from}/post-quantum/ml-dsa.js")
    message(FATAL_ERROR "The npm package @noble/post-quantum is missing: ./run and ./test install it (scripts/setup.sh); by hand it "
      "is `npm ci --ignore-scripts` in third_party/npm.")
  endif()
  set(files "")
  foreach(module ${CARNET_NOBLE_MODULES})
    file(READ "${from}/${module}" text)
    set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${from}/${module}")
    get_filename_component(folder "${module}" DIRECTORY)
    foreach(target ${CARNET_NOBLE_MODULES})
      string(REPLACE "/" "-" flat "noble-${target}")
      file(RELATIVE_PATH relative "${from}/${folder}" "${from}/${target}")
      if(NOT relative MATCHES "^\\.\\.")
        string(PREPEND relative "./")
      endif()
      foreach(quote "'" "\"")
        string(REPLACE "${quote}@noble/${target}${quote}" "${quote}/assets/${flat}${quote}" text "${text}")
        string(REPLACE "${quote}${relative}${quote}" "${quote}/assets/${flat}${quote}" text "${text}")
      endforeach()
    endforeach()
    string(REGEX REPLACE "//# sourceMappingURL=[^\n]*" "" text "${text}")
    if(text MATCHES "from ['\"](@noble|\\.)")
      message(FATAL_ERROR "${module} of @noble imports a module that CarnetNoble.cmake does not list")
    endif()
    string(REPLACE "/" "-" flat "noble-${module}")
    file(CONFIGURE OUTPUT "${to}/${flat}" CONTENT "${text}" @ONLY)
    list(APPEND files "${to}/${flat}")
  endforeach()
  set(${out} ${files} PARENT_SCOPE)
endfunction()
