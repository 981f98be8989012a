# Sources of libcore/node, in the order of their dependence.
