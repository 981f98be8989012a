# Sources of libcore/mem, in the order of their dependence.
