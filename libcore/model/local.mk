# Sources of libcore/model, in the order of their dependence.
