# Included right after `project("llama.cpp")`: a plain variable beats the option() that the Python package forces ON.
# Leaves out llama.cpp's own command-line programs, which ATLAS never calls: two fifths of the build's CPU time.
set(LLAMA_BUILD_COMMON OFF)
# Leaves out the kernels for Intel's matrix unit (AMX): where there is one, this version ends the process at its first
# matrix (`ldtilecfg`, signal 11). The kernels that other processors use are taken instead. Any other processor: no effect.
add_compile_options(-U__AMX_INT8__)
