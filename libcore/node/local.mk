# Sources of libcore/node.
