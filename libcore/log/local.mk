# Sources of libcore/log, in the order of their dependence.
