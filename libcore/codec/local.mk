# Sources of libcore/codec, in the order of their dependence.
