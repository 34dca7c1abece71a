# libtorch as Debian has it: headers and three libraries. (Its own CMake package asks for CUDA
# leftovers and adds compiler flags to everything.) Gives the target wattle_torch.
find_path(WATTLE_TORCH_INCLUDE torch/torch.h PATH_SUFFIXES torch/csrc/api/include)
find_library(WATTLE_TORCH_LIBRARY torch)
find_library(WATTLE_TORCH_CPU_LIBRARY torch_cpu)
find_library(WATTLE_C10_LIBRARY c10)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(WattleTorch REQUIRED_VARS
  WATTLE_TORCH_INCLUDE WATTLE_TORCH_LIBRARY WATTLE_TORCH_CPU_LIBRARY WATTLE_C10_LIBRARY)
if(WattleTorch_FOUND AND NOT TARGET wattle_torch)
  add_library(wattle_torch INTERFACE)
  target_include_directories(wattle_torch SYSTEM INTERFACE ${WATTLE_TORCH_INCLUDE})
  target_link_libraries(wattle_torch INTERFACE
    ${WATTLE_TORCH_LIBRARY} ${WATTLE_TORCH_CPU_LIBRARY} ${WATTLE_C10_LIBRARY})
endif()
