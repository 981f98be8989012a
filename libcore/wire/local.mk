# Sources of libcore/wire, in the order of their dependence.
