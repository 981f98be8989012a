# Unit tests of node.
