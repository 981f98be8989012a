# Sources of libcore/state, in the order of their dependence.
