# Unit tests of log.
