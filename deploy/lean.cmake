# Included right after `project("llama.cpp")`: a plain variable beats the option() that the Python package forces ON.
# Leaves out llama.cpp's own command-line programs, which ATLAS never calls: two fifths of the build's CPU time.
set(LLAMA_BUILD_COMMON OFF)
