# Unit tests of mem.
